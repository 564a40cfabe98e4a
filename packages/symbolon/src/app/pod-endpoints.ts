import type { Clock, Log, Random } from "@symbolon/spiffe/core";
import { serveWorkloadEndpoint, type WorkloadEndpoint } from "../adapters/grpc/index.ts";
import { callerFiles, listenOnUnixSocket, pinPeer } from "../adapters/os/index.ts";
import {
  createPodWorkloads,
  type IdentityManager,
  type JwtSvidCache,
  type NodeFollower,
  type PodProcesses,
  type RegisteredWorkload,
  type TokenSource,
} from "../agent/index.ts";
import type { AuditSink } from "../core/index.ts";

/** Workload API and secret discovery for the processes of each pod, on a socket of the pod's own. */
export interface PodEndpoints {
  /** Safe to repeat. */
  open(pod: RegisteredWorkload & { readonly name: string }, path: string): Promise<void>;
  close(podUid: string): Promise<void>;
  closeAll(): Promise<void>;
}

export interface PodEndpointsOptions {
  readonly identities: IdentityManager;
  readonly node: NodeFollower;
  readonly tokens: JwtSvidCache;
  readonly serviceAccountTokens: TokenSource;
  readonly processes: PodProcesses;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export function createPodEndpoints(options: PodEndpointsOptions): PodEndpoints {
  const { identities, node } = options;
  const wanted = new Set<string>();
  const endpoints = new Map<string, WorkloadEndpoint>();
  /** One at a time: an order may be repeated, or taken back, before the first has been obeyed. */
  let working: Promise<void> = Promise.resolve();

  const inTurn = (work: () => Promise<void>): Promise<void> => {
    working = working.catch(() => undefined).then(work);
    return working;
  };
  const close = (podUid: string): Promise<void> => {
    wanted.delete(podUid);
    return inTurn(async () => {
      const endpoint = endpoints.get(podUid);
      endpoints.delete(podUid);
      await endpoint?.close();
    });
  };

  return {
    open(pod, path) {
      const { podUid } = pod;
      wanted.add(podUid);
      return inTurn(async () => {
        if (endpoints.has(podUid) || !wanted.has(podUid)) return;
        const endpoint = await serveWorkloadEndpoint({
          ...options,
          path,
          listen: listenOnUnixSocket,
          pinPeer,
          workloads: createPodWorkloads({
            ...options,
            pod,
            node: node.state,
            want() {
              if (wanted.has(podUid)) identities.register(pod);
            },
          }),
          filesOf: callerFiles,
        });
        endpoints.set(podUid, endpoint);
      });
    },
    close,
    async closeAll() {
      await Promise.all([...wanted].map(close));
    },
  };
}
