import type { Workload } from "../../agent/index.ts";

/**
 * A workload for as long as the process that connected is there: another one that has inherited its connection gets
 * nothing more on it, and connects anew to get what is its own.
 * @param requireAlive throws ERR_WORKLOAD_ATTESTATION once the process has ended
 * @returns a workload whose `entitlement` and `createJwtSvids` also throw ERR_WORKLOAD_ATTESTATION
 */
export function pinnedWorkload(workload: Workload, requireAlive: () => void): Workload {
  return {
    name: workload.name,
    entitlement() {
      requireAlive();
      return workload.entitlement();
    },
    subscribe: (follower) => workload.subscribe(follower),
    async createJwtSvids(request, signal) {
      requireAlive();
      const svids = await workload.createJwtSvids(request, signal);
      requireAlive();
      return svids;
    },
    release: () => workload.release(),
  };
}
