import type { Workload, WorkloadPeer } from "../../agent/index.ts";
import { productError } from "../../core/index.ts";

/**
 * A workload for as long as the process that connected is there: another one that has inherited its connection gets
 * nothing more on it, and connects anew to get what is its own.
 * @returns a workload whose `entitlement` and `createJwtSvids` also throw ERR_WORKLOAD_ATTESTATION
 */
export function pinnedWorkload(workload: Workload, peer: WorkloadPeer): Workload {
  return {
    name: workload.name,
    entitlement() {
      requireAlive(peer);
      return workload.entitlement();
    },
    subscribe: (follower) => workload.subscribe(follower),
    async createJwtSvids(request, signal) {
      requireAlive(peer);
      const svids = await workload.createJwtSvids(request, signal);
      requireAlive(peer);
      return svids;
    },
    release: () => workload.release(),
  };
}

/** @throws ERR_WORKLOAD_ATTESTATION once the process has ended */
export function requireAlive(peer: WorkloadPeer): void {
  if (!peer.isAlive()) throw productError("ERR_WORKLOAD_ATTESTATION", `process ${peer.pid} that connected has ended`);
}
