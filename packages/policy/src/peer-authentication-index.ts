import { compareByCreation, creationText } from "./config-order.ts";
import {
  combineCandidates,
  type EffectivePeerAuthentication,
  type PolicyCandidate,
  type WorkloadTarget,
} from "./effective-peer-authentication.ts";
import type { EffectiveMtlsMode } from "./mtls-mode.ts";
import type { PeerAuthentication } from "./peer-authentication.ts";
import { selectorMatches } from "./selector.ts";

/** "unknown": neither the namespace nor the mesh has a policy. */
export type NamespaceMtlsMode = EffectiveMtlsMode | "unknown";

/** All PeerAuthentications of a mesh, sorted once, so that the cost per workload is that of its own namespace alone. */
export interface PeerAuthenticationIndex {
  readonly rootNamespace: string;
  effective(workload: WorkloadTarget): EffectivePeerAuthentication;
  /** The policies that attach to a workload, whether or not they count in the end; its own namespace first. */
  attached(workload: WorkloadTarget): readonly PeerAuthentication[];
  /** The mode that clients assume of a namespace's services: no workload policy is looked at (istio-security §1.3.8, §4.3). */
  namespaceMtlsMode(namespace: string): NamespaceMtlsMode;
}

export function createPeerAuthenticationIndex(
  policies: readonly PeerAuthentication[],
  rootNamespace: string,
): PeerAuthenticationIndex {
  const namespaces = new Map<string, NamespacePolicies>();
  for (const policy of policies.toSorted(compareByCreation)) {
    const entry = namespaces.get(policy.namespace) ?? { wide: [], selecting: [] };
    namespaces.set(policy.namespace, entry);
    (policy.selector ? entry.selecting : entry.wide).push(policy);
  }
  const of = (namespace: string) => namespaces.get(namespace) ?? NO_POLICIES;

  const attached = ({ namespace, labels }: WorkloadTarget) => {
    const scopes = namespace === rootNamespace ? [namespace] : [namespace, rootNamespace];
    return scopes
      .map(of)
      .flatMap(({ wide, selecting }) => [
        ...wide.slice(0, 1),
        ...selecting.filter(({ selector }) => selectorMatches(selector, labels)),
      ]);
  };

  const meshMode = (): NamespaceMtlsMode => {
    const mesh = of(rootNamespace).wide[0];
    return mesh ? orPermissive(mesh.mode) : "unknown";
  };

  return {
    rootNamespace,
    attached,
    effective: (workload) => combineCandidates(candidatesOf(workload, of, rootNamespace)),
    namespaceMtlsMode: (namespace) => {
      const own = namespace === rootNamespace ? undefined : of(namespace).wide[0];
      if (!own) return meshMode();
      if (own.mode !== "unset") return own.mode;
      const inherited = meshMode();
      return inherited === "unknown" ? "permissive" : inherited;
    },
  };
}

export interface EffectivePeerAuthenticationInput {
  readonly policies: readonly PeerAuthentication[];
  readonly rootNamespace: string;
  readonly workload: WorkloadTarget;
}

/** The mTLS mode of a workload and its ports (istio-security §1.3). For many workloads, make one index and ask that. */
export function effectivePeerAuthentication(input: EffectivePeerAuthenticationInput): EffectivePeerAuthentication {
  const { policies, rootNamespace, workload } = input;
  return createPeerAuthenticationIndex(policies, rootNamespace).effective(workload);
}

interface NamespacePolicies {
  /** Without selector, oldest first: the first one counts. */
  readonly wide: PeerAuthentication[];
  readonly selecting: PeerAuthentication[];
}

/** istio-security §1.3, `candidates`: widest first, and within one scope the one that counts before the ignored ones. */
function candidatesOf(
  workload: WorkloadTarget,
  of: (namespace: string) => NamespacePolicies,
  rootNamespace: string,
): PolicyCandidate[] {
  const { namespace, labels } = workload;
  const matching = ({ selecting }: NamespacePolicies) =>
    selecting.filter(({ selector }) => selectorMatches(selector, labels));
  const root = of(rootNamespace);
  const mesh = oldestCounts("mesh", root.wide);
  // "A selector policy in the root namespace is ignored completely, even for workloads that live in the root namespace."
  const inRoot = matching(root).map((policy) => ({ level: "workload" as const, policy, ignored: SELECTOR_IN_ROOT }));
  // "If the workload is in the root namespace, its namespace-level policy is the mesh policy."
  if (namespace === rootNamespace) return [...mesh, ...inRoot];
  const own = of(namespace);
  return [...mesh, ...inRoot, ...oldestCounts("namespace", own.wide), ...oldestCounts("workload", matching(own))];
}

function oldestCounts(level: PolicyCandidate["level"], policies: readonly PeerAuthentication[]): PolicyCandidate[] {
  return policies.map((policy, index) => {
    const first = policies[0];
    if (index === 0 || !first) return { level, policy };
    const created = policy.creationTimestamp && first.creationTimestamp ? ` (created ${creationText(first)})` : "";
    return {
      level,
      policy,
      ignored: `only the oldest ${level} policy counts: ${first.namespace}/${first.name}${created}`,
    };
  });
}

function orPermissive(mode: PeerAuthentication["mode"]): EffectiveMtlsMode {
  return mode === "unset" ? "permissive" : mode;
}

const NO_POLICIES: NamespacePolicies = { wide: [], selecting: [] };
const SELECTOR_IN_ROOT = "policies with a selector are ignored in the root namespace";
