import { compareByCreation, creationText } from "./config-order.ts";
import { createFinding, type Finding, type SourcePosition } from "./document/index.ts";
import type { PeerAuthentication } from "./peer-authentication.ts";
import { selectorText } from "./selector.ts";

/**
 * What goes wrong between PeerAuthentications that are each valid. Istio keeps the oldest of a scope and logs a warning;
 * of the mesh-wide ones we refuse the second (ADR 11): the mode of the whole mesh must not hang on who was first.
 */
export function findPeerAuthenticationConflicts(
  policies: readonly PeerAuthentication[],
  rootNamespace: string,
): readonly Finding[] {
  const first = new Map<string, PeerAuthentication>();
  const findings: Finding[] = [];
  for (const policy of policies.toSorted(compareByCreation)) {
    if (policy.selector && policy.namespace === rootNamespace) {
      findings.push(report("SYM0406", policy, "spec.selector", selectorInRoot(policy)));
      continue;
    }
    const scope = `${policy.namespace} ${policy.selector ? selectorText(policy.selector) : ""}`;
    const older = first.get(scope);
    if (!older) first.set(scope, policy);
    else findings.push(conflict(older, policy, rootNamespace));
  }
  return findings;
}

function conflict(older: PeerAuthentication, younger: PeerAuthentication, rootNamespace: string): Finding {
  if (younger.selector)
    return report(
      "SYM0407",
      younger,
      "spec.selector",
      `PeerAuthentication ${nameOf(older)} (${place(older.position)}) already selects ${selectorText(younger.selector)} and is older; "${younger.name}" is ignored, its ports included`,
    );
  if (younger.namespace === rootNamespace)
    return report(
      "SYM0405",
      younger,
      "metadata.name",
      `conflicting mesh-wide PeerAuthentications: ${nameOf(younger)} (${word(younger)}) and ${nameOf(older)} (${word(older)}, ${place(older.position)}); the mesh can have only one`,
    );
  // istio-security §1.3.4, Istio's text.
  const ignored = `Namespace/mesh-level PeerAuthentication is already defined for "${older.namespace}" at time ${creationText(older)}. Ignore "${younger.name}" which was created at time ${creationText(younger)}`;
  return report(
    "SYM0404",
    younger,
    "metadata.name",
    `${ignored} (the first one: ${nameOf(older)} at ${place(older.position)})`,
  );
}

function selectorInRoot(policy: PeerAuthentication): string {
  return `PeerAuthentication ${nameOf(policy)} has a selector and is in the root namespace: it is ignored for every workload`;
}

function report(
  code: "SYM0404" | "SYM0405" | "SYM0406" | "SYM0407",
  { position }: PeerAuthentication,
  path: string,
  message: string,
): Finding {
  return createFinding(code, { path, position }, message);
}

function nameOf({ namespace, name }: PeerAuthentication): string {
  return `${namespace}/${name}`;
}

function word({ mode }: PeerAuthentication): string {
  return mode.toUpperCase();
}

function place({ file, line, column }: SourcePosition): string {
  return `${file}:${line}:${column}`;
}
