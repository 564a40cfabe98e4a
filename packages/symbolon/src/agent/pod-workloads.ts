import { BundleSet, JwtBundleSet } from "@symbolon/spiffe/bundle";
import type { Log, Observable } from "@symbolon/spiffe/core";
import { type AuditSink, productError } from "../core/index.ts";
import { createDeliveryRecord } from "./delivery-record.ts";
import type { IdentityManager } from "./identity-manager.ts";
import type { WorkloadIdentity } from "./identity-state.ts";
import type { JwtSvidCache } from "./jwt-svid-cache.ts";
import type { NodeState, PodProcesses, RegisteredWorkload, TokenSource } from "./ports.ts";
import type { Entitlement, Workload, WorkloadAttestor, WorkloadPeer } from "./workload.ts";

export interface PodWorkloadsOptions {
  readonly pod: RegisteredWorkload & { readonly name: string };
  readonly identities: Pick<IdentityManager, "current" | "state" | "subscribe">;
  /** Called for each process of the pod's: a pod without a sidecar has no identity until somebody asks for it. */
  readonly want: () => void;
  /** Bundles of the mesh. */
  readonly node: Observable<NodeState | undefined>;
  readonly tokens: JwtSvidCache;
  readonly serviceAccountTokens: TokenSource;
  readonly processes: PodProcesses;
  readonly audit: AuditSink;
  readonly log: Log;
}

/** Processes of one pod: each has the identity of the pod's service account, and no other process has it. */
export function createPodWorkloads(options: PodWorkloadsOptions): WorkloadAttestor {
  const { pod, want, processes } = options;
  return {
    async attest(peer) {
      const isInPod = processes.isInPod(pod.podUid, peer.pid);
      // Alive afterwards: what was looked at was the process that connected, not a later one with its id.
      if (!peer.isAlive()) throw productError("ERR_WORKLOAD_ATTESTATION", `process ${peer.pid} has ended`);
      if (!isInPod)
        throw productError(
          "ERR_WORKLOAD_NOT_ENTITLED",
          `process ${peer.pid} is not in pod ${pod.namespace}/${pod.name}`,
        );
      want();
      return createPodWorkload(peer, options);
    },
  };
}

function createPodWorkload(peer: WorkloadPeer, options: PodWorkloadsOptions): Workload {
  const { pod, identities, node, tokens, serviceAccountTokens } = options;
  const name = `pod ${pod.namespace}/${pod.name}`;
  const recordDelivery = createDeliveryRecord(`${name}, process ${peer.pid}`, "service account of the pod", options);
  const stops = new Set<() => void>();
  let granted: { readonly identity: WorkloadIdentity; readonly node: NodeState; readonly all: Entitlement } | undefined;
  let released = false;

  const hasGone = (): boolean => released || !peer.isAlive();
  const subscribe = (follower: () => void): (() => void) => {
    const own = (): void => follower();
    const parts = [identities.subscribe(pod.podUid, own), node.subscribe(own)];
    const stop = (): void => {
      stops.delete(stop);
      for (const part of parts) part();
    };
    stops.add(stop);
    return stop;
  };

  return {
    name,
    entitlement() {
      if (hasGone()) return { kind: "none", reason: `process ${peer.pid} of ${name} has ended` };
      const state = identities.state(pod.podUid);
      if (!state) return { kind: "none", reason: `${name} has been removed` };
      const identity = identities.current(pod.podUid);
      if (!identity)
        return { kind: "pending", reason: "reason" in state ? state.reason : "the first certificate is under way" };
      const { current } = node;
      if (!current) return { kind: "pending", reason: "the control plane has not told its bundles yet" };
      if (granted?.identity !== identity || granted.node !== current) {
        granted = { identity, node: current, all: grant(identity, current) };
        recordDelivery([{ svid: identity.svid }]);
      }
      return granted.all;
    },
    subscribe,
    async createJwtSvids({ audiences, spiffeId }, _signal) {
      if (hasGone()) throw productError("ERR_WORKLOAD_NOT_ENTITLED", `process ${peer.pid} of ${name} has ended`);
      const own = identities.current(pod.podUid)?.svid.spiffeId;
      if (spiffeId && own && !spiffeId.equals(own))
        throw productError("ERR_WORKLOAD_NOT_ENTITLED", `${name} is ${own} and has no identity ${spiffeId}`);
      const serviceAccountToken = await serviceAccountTokens.readToken(pod.tokenPath);
      if (!serviceAccountToken)
        throw productError("ERR_CA_CALL_RETRYABLE", `there is no service account token at "${pod.tokenPath}"`);
      const svid = await tokens.get(`pod ${pod.podUid}`, { caller: { serviceAccountToken }, audiences });
      if (spiffeId && !svid.spiffeId.equals(spiffeId))
        throw productError("ERR_WORKLOAD_NOT_ENTITLED", `${name} is ${svid.spiffeId} and has no identity ${spiffeId}`);
      return [svid];
    },
    release() {
      released = true;
      granted = undefined;
      for (const stop of [...stops]) stop();
    },
  };
}

/** Of its own trust domain alone: no entry says with whom a pod federates. */
function grant({ svid }: WorkloadIdentity, { bundles, jwtBundles }: NodeState): Entitlement {
  const { name } = svid.spiffeId.trustDomain;
  const own = <B extends { readonly trustDomain: { readonly name: string } }>(all: readonly B[]): readonly B[] =>
    all.filter(({ trustDomain }) => trustDomain.name === name);
  return {
    kind: "granted",
    svids: [{ svid }],
    bundles: BundleSet.of(...own(bundles.bundles)),
    jwtBundles: JwtBundleSet.of(...own(jwtBundles.bundles)),
  };
}
