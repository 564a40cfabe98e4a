import { compareByCreation } from "../config-order.ts";
import type { WorkloadTarget } from "../effective-peer-authentication.ts";
import type { EffectiveMtlsMode } from "../mtls-mode.ts";
import type { Labels } from "../object-metadata.ts";
import { createPeerAuthenticationIndex, type PeerAuthenticationIndex } from "../peer-authentication-index.ts";
import { createPolicyIndex } from "../policy-index.ts";
import { selectorMatches, type WorkloadSelector } from "../selector.ts";
import type { PolicyTargetReference } from "../target-reference.ts";
import type { AnalysisInput, AnalyzedService, AnalyzedServicePort, AnalyzedWorkload } from "./analysis-input.ts";

/** Policies that can be attached to workloads. */
export interface Scoped {
  readonly name: string;
  readonly namespace: string;
  readonly selector?: WorkloadSelector;
  readonly targetRefs: readonly PolicyTargetReference[];
}

/** A port of a pod with the service ports that lead to it. */
export interface PodPort {
  readonly number: number;
  readonly services: readonly { readonly service: AnalyzedService; readonly port: AnalyzedServicePort }[];
}

/** What the checks ask of policies and inventory together; everything is looked up, nothing is searched through. */
export class MeshView {
  readonly rootNamespace: string;
  readonly peerAuthentications: PeerAuthenticationIndex;
  /** False: nothing is known of workloads, and nothing may be said about them. */
  readonly knowsWorkloads: boolean;
  readonly #byNamespace = new Map<string, AnalyzedWorkload[]>();
  readonly #byLabel = new Map<string, AnalyzedWorkload[]>();
  readonly #services = new Map<string, AnalyzedService[]>();
  readonly #ports = new Map<AnalyzedWorkload, readonly PodPort[]>();
  readonly #attached = new WeakMap<Scoped, readonly AnalyzedWorkload[]>();

  constructor({ meshConfig, inventory, peerAuthentications = [] }: AnalysisInput) {
    this.rootNamespace = meshConfig?.rootNamespace ?? "istio-system";
    this.peerAuthentications = createPeerAuthenticationIndex(peerAuthentications, this.rootNamespace);
    this.knowsWorkloads = inventory !== undefined;
    for (const workload of inventory?.workloads ?? []) {
      if (!workload.inMesh) continue;
      push(this.#byNamespace, workload.namespace, workload);
      for (const [key, value] of Object.entries(workload.labels)) {
        push(this.#byLabel, `${workload.namespace} ${key}=${value}`, workload);
        push(this.#byLabel, ` ${key}=${value}`, workload);
      }
    }
    for (const service of inventory?.services ?? []) push(this.#services, service.namespace, service);
  }

  /** The workloads of the mesh that a policy attaches to. */
  workloadsOf(policy: Scoped): readonly AnalyzedWorkload[] {
    const known = this.#attached.get(policy);
    if (known) return known;
    const index = createPolicyIndex([policy], this.rootNamespace);
    const attached = this.#candidates(policy).filter((workload) => index.attached(workload).length > 0);
    this.#attached.set(policy, attached);
    return attached;
  }

  workloadsIn(namespace: string): readonly AnalyzedWorkload[] {
    return this.#byNamespace.get(namespace) ?? [];
  }

  /** Declared ports and the ports that Services lead to. */
  podPorts(workload: AnalyzedWorkload): readonly PodPort[] {
    const known = this.#ports.get(workload);
    if (known) return known;
    const ports = new Map<number, { service: AnalyzedService; port: AnalyzedServicePort }[]>();
    for (const { number } of workload.containerPorts) ports.set(number, []);
    for (const service of this.servicesOf(workload))
      for (const port of service.ports) {
        const number = podPortOf(workload, port);
        if (number !== undefined) ports.set(number, [...(ports.get(number) ?? []), { service, port }]);
      }
    const list = [...ports].map(([number, services]) => ({ number, services }));
    this.#ports.set(workload, list);
    return list;
  }

  servicesOf({ namespace, labels }: WorkloadTarget): readonly AnalyzedService[] {
    return (this.#services.get(namespace) ?? []).filter(
      ({ selector }) => Object.keys(selector).length > 0 && selectorMatches({ matchLabels: selector }, labels),
    );
  }

  /** Modes of everything that a policy applies to; by its namespace and labels when workloads are not known. */
  modesOf(policy: Scoped): ReadonlySet<EffectiveMtlsMode> {
    const modes = new Set<EffectiveMtlsMode>();
    const add = (target: WorkloadTarget, ports: readonly number[]) => {
      const effective = this.peerAuthentications.effective(target);
      for (const port of ports) modes.add(effective.modeForPort(port));
      if (ports.length === 0) for (const mode of [effective.mode, ...effective.ports.values()]) modes.add(mode);
    };
    if (!this.knowsWorkloads) add({ namespace: policy.namespace, labels: policy.selector?.matchLabels ?? {} }, []);
    for (const workload of this.workloadsOf(policy))
      add(
        workload,
        this.podPorts(workload).map(({ number }) => number),
      );
    return modes;
  }

  #candidates({ namespace, selector }: Scoped): readonly AnalyzedWorkload[] {
    const scope = namespace === this.rootNamespace ? "" : namespace;
    const [label] = Object.entries(selector?.matchLabels ?? {});
    if (label) return this.#byLabel.get(`${scope} ${label[0]}=${label[1]}`) ?? [];
    return scope === "" ? [...this.#byNamespace.values()].flat() : this.workloadsIn(scope);
  }
}

export function podPortOf(
  { containerPorts }: AnalyzedWorkload,
  { targetPort }: AnalyzedServicePort,
): number | undefined {
  if (typeof targetPort === "number") return targetPort;
  return containerPorts.find(({ name }) => name === targetPort)?.number;
}

/** Whether every workload of the second policy is one of the first, whatever workloads there are. */
export function scopeContains(outer: Scoped, inner: Scoped, rootNamespace: string): boolean {
  if (outer.targetRefs.length > 0 || inner.targetRefs.length > 0)
    return outer.namespace === inner.namespace && targetsText(outer) === targetsText(inner);
  if (outer.namespace !== inner.namespace && outer.namespace !== rootNamespace) return false;
  const wanted: Labels = inner.selector?.matchLabels ?? {};
  return selectorMatches(outer.selector, wanted);
}

/** Whether some workload may be one of both policies; by the workloads that there are, when they are known. */
export function scopesOverlap(left: Scoped, right: Scoped, view: MeshView): boolean {
  if (left.targetRefs.length > 0 || right.targetRefs.length > 0) return targetsText(left) === targetsText(right);
  if (view.knowsWorkloads) {
    const ofLeft = new Set(view.workloadsOf(left));
    return view.workloadsOf(right).some((workload) => ofLeft.has(workload));
  }
  const wanted: Labels = right.selector?.matchLabels ?? {};
  return Object.entries(left.selector?.matchLabels ?? {}).every(
    ([key, value]) => !Object.hasOwn(wanted, key) || wanted[key] === value,
  );
}

/** Oldest first, as Istio orders objects. */
export function inOrder<Policy extends Scoped>(policies: readonly Policy[]): readonly Policy[] {
  return policies.toSorted(compareByCreation);
}

function targetsText({ targetRefs }: Scoped): string {
  return targetRefs
    .map(({ group, kind, name }) => `${group}/${kind}/${name}`)
    .sort()
    .join(",");
}

function push<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
