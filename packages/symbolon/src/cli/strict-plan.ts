import type { MtlsDecision, PeerAuthentication } from "@symbolon/policy";
import type { PlaintextCaller } from "../telemetry/index.ts";
import { podPorts } from "./policy-set/pod-port.ts";
import { type SetWorkload, workloadKey } from "./policy-set/policy-set.ts";
import type { PolicySource } from "./policy-set/policy-source.ts";
import { policiesOf } from "./policy-set/workload-policies.ts";
import { formatTable } from "./table.ts";

/** What it takes to require mutual TLS in one namespace; the shape of `strict -o json`. */
export interface StrictPlan {
  readonly namespace: string;
  readonly workloads: readonly StrictWorkload[];
  /** Callers that would be refused: seen without mutual TLS within the window, at a port that becomes STRICT. */
  readonly breaking: readonly BreakingCaller[];
  readonly since: string;
  /** The policy that makes it so; absent: everything is STRICT already, or nothing would change. */
  readonly manifest?: StrictManifest;
}

export interface StrictWorkload {
  /** "Deployment httpbin" */
  readonly workload: string;
  readonly current: string;
  readonly planned: string;
}

export interface BreakingCaller extends PlaintextCaller {
  /** What makes it a caller with mutual TLS. */
  readonly fix: string;
}

export interface StrictManifest {
  readonly apiVersion: "security.istio.io/v1";
  readonly kind: "PeerAuthentication";
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: { readonly mtls: { readonly mode: "STRICT" } };
}

/** @param callers of the namespace, as the proxies have seen them */
export function planStrict(
  namespace: string,
  source: PolicySource,
  { callers, since }: { readonly callers: readonly PlaintextCaller[]; readonly since: Date },
): StrictPlan {
  const { set } = source;
  const own = set.workloads.filter((workload) => workload.namespace === namespace && !set.owners.has(keyOf(workload)));
  const changed = new Set<string>();
  const workloads = own.map((workload) => {
    const { mtls } = policiesOf(workload, source);
    const name = `${workload.kind} ${workload.name}`;
    const numbers = podPorts(workload, set).map(({ number }) => number);
    if (workload.sidecar)
      for (const number of [...numbers, undefined]) {
        const decision = number === undefined ? mtls : mtls.decisionForPort(number);
        if (becomesStrict(decision)) changed.add(`${name} ${number ?? "others"}`);
      }
    return { workload: name, ...modesOf(workload, mtls, numbers) };
  });
  const breaking = callers
    .filter(({ refused, lastSeen }) => !refused && Date.parse(lastSeen) >= since.getTime())
    .filter(({ workload, port }) => {
      const known = own.find((each) => `${each.kind} ${each.name}` === workload);
      const listed = known !== undefined && podPorts(known, set).some(({ number }) => number === port);
      return changed.has(`${workload} ${listed ? port : "others"}`);
    })
    .map((caller) => ({ ...caller, fix: fixFor(caller, source) }));
  return {
    namespace,
    workloads,
    breaking,
    since: since.toISOString(),
    ...(changed.size === 0 ? {} : { manifest: manifestFor(namespace, set.peerAuthentications) }),
  };
}

/** A policy of the namespace decides only where none of the workload or the port does. */
function becomesStrict({ mode, level }: MtlsDecision): boolean {
  return mode !== "strict" && level !== "workload" && level !== "port";
}

const NO_SIDECAR = "no sidecar";

function modesOf(workload: SetWorkload, mtls: ReturnType<typeof policiesOf>["mtls"], ports: readonly number[]) {
  if (!workload.sidecar) return { current: NO_SIDECAR, planned: `${NO_SIDECAR}: nothing is enforced at it` };
  const decisions = [mtls, ...ports.map((port) => mtls.decisionForPort(port))];
  const text = (modeOf: (decision: MtlsDecision) => string) => [...new Set(decisions.map(modeOf))].join(", ");
  return {
    current: text(({ mode }) => mode.toUpperCase()),
    planned: text((decision) =>
      becomesStrict(decision) || decision.mode === "strict"
        ? "STRICT"
        : `${decision.mode.toUpperCase()} stays (PeerAuthentication ${decision.policy?.name ?? ""} of the ${decision.level})`,
    ),
  };
}

function fixFor({ caller }: PlaintextCaller, { set }: PolicySource): string {
  const [, kind, namespace, name] = /^(\S+) ([^/]+)\/(.+)$/.exec(caller) ?? [];
  const workload = set.workloads.find(
    (each) => each.kind === kind && each.namespace === namespace && each.name === name,
  );
  if (workload === undefined)
    return "it is not of the mesh: give it a way through a gateway, or a workload-wide PERMISSIVE";
  if (!workload.sidecar) return `give it a sidecar: label namespace ${namespace} with istio-injection=enabled`;
  return "it has a sidecar and yet came in plaintext: look for a DestinationRule with tls, or a call to an address";
}

/** The oldest policy of a namespace wins: an existing one is changed rather than followed by another. */
function manifestFor(namespace: string, policies: readonly PeerAuthentication[]): StrictManifest {
  const wide = policies.find((policy) => policy.namespace === namespace && policy.selector === undefined);
  return {
    apiVersion: "security.istio.io/v1",
    kind: "PeerAuthentication",
    metadata: { name: wide?.name ?? "default", namespace },
    spec: { mtls: { mode: "STRICT" } },
  };
}

const keyOf = ({ kind, namespace, name }: SetWorkload): string => workloadKey(kind, namespace, name);

export function strictPlanText({ namespace, workloads, breaking, since, manifest }: StrictPlan): string {
  const rows = workloads.map(({ workload, current, planned }) => [workload, current, planned]);
  const parts = [
    rows.length === 0
      ? `namespace ${namespace} has no workloads\n`
      : formatTable([["WORKLOAD", "NOW", "THEN"], ...rows]),
  ];
  if (breaking.length > 0)
    parts.push(`\nseen without mutual TLS since ${since}, and refused then:\n${plaintextCallersText(breaking)}`);
  else if (manifest) parts.push(`\nnobody was seen without mutual TLS at what becomes STRICT since ${since}\n`);
  if (!manifest) parts.push(`\nnothing to do: ${whyNothing(namespace, workloads)}\n`);
  return parts.join("");
}

function whyNothing(namespace: string, workloads: StrictPlan["workloads"]): string {
  if (workloads.length > 0 && workloads.every(({ current }) => current === NO_SIDECAR))
    return `no workload has a sidecar, which alone enforces mutual TLS: label namespace ${namespace} with istio-injection=enabled`;
  return "every port that a policy of the namespace decides about is STRICT";
}

/** One line each, with the fix where there is one. */
export function plaintextCallersText(callers: readonly (PlaintextCaller & { readonly fix?: string })[]): string {
  const head = ["CALLER", "TO", "PORT", "CONNECTIONS", "LAST SEEN", "OUTCOME"];
  const rows = callers.map(({ caller, workload, port, count, lastSeen, refused }) => {
    return [caller, workload, String(port), String(count), lastSeen, refused ? "refused" : "taken"];
  });
  const fixes = new Map(callers.flatMap(({ caller, fix }) => (fix === undefined ? [] : [[caller, fix] as const])));
  return `${formatTable([head, ...rows])}${[...fixes].map(([caller, fix]) => `${caller}: ${fix}\n`).join("")}`;
}
