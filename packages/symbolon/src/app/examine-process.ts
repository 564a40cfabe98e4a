import { systemClock } from "@symbolon/spiffe/core";
import { createAgentClient } from "../adapters/grpc/index.ts";
import { createProcessAttestor, isBelow, peerOfProcess } from "../adapters/os/index.ts";
import {
  type EntryExplanation,
  explainEntries,
  explainLifetimes,
  type Lifetimes,
  type NodeState,
  selectorText,
} from "../agent/index.ts";
import { type MeshPaths, productError } from "../core/index.ts";
import type { Pod, PodStatus } from "../mesh/index.ts";
import { captureStrategy, readCapture } from "./capture/index.ts";
import { meshApi } from "./mesh-api.ts";
import { isAlive, readMeshProcesses } from "./mesh-processes.ts";

export type { EntryExplanation, LifetimeExplanation } from "../agent/index.ts";

/** What the mesh makes of a process, and why. */
export type ProcessExamination =
  | (Lifetimes & {
      readonly place: "pod";
      readonly pod: { readonly namespace: string; readonly name: string };
      readonly spiffeId: string;
    })
  /** One of the mesh's own: it is nobody's workload. */
  | { readonly place: "mesh" }
  | {
      readonly place: "host";
      readonly trustDomain: string;
      readonly selectors: readonly string[];
      /** Kind of selector to why there is none. */
      readonly unknown: Readonly<Record<string, string>>;
      readonly entries: readonly EntryExplanation[];
      /** Where the process gets its identities; absent while nobody serves it. */
      readonly socket?: string;
    };

/**
 * Looks at a process as the agent would if it connected now, with this user's rights.
 * @throws ERR_PROCESS_NOT_FOUND, ERR_WORKLOAD_ATTESTATION, ERR_API_UNREACHABLE
 */
export async function examineProcess(paths: MeshPaths, pid: number): Promise<ProcessExamination> {
  const peer = peerOfProcess(pid);
  const { pods, trustDomain, issuance } = await meshApi(paths).status();
  if (!issuance) throw productError("ERR_INTERNAL_BUG", "the control plane does not say how long certificates live");
  const processes = readMeshProcesses(paths);
  const found = findPod(paths, pid, pods, processes?.supervisor?.pid);
  if (found) {
    const { namespace, name, serviceAccount } = found;
    return {
      place: "pod",
      pod: { namespace, name },
      spiffeId: `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`,
      ...explainLifetimes(issuance),
    };
  }
  for (const own of [processes?.launcher, processes?.supervisor, processes?.hostAgent])
    if (isAlive(own) && (own.pid === pid || (own === processes?.supervisor && isBelow(pid, own.pid))))
      return { place: "mesh" };
  const { selectors, unknown } = await createProcessAttestor().examine(peer);
  const { entries } = await currentState(paths);
  const { hostAgent } = processes ?? {};
  return {
    place: "host",
    trustDomain,
    selectors: selectors.map(selectorText),
    unknown: Object.fromEntries(unknown),
    entries: explainEntries(entries, selectors, { unknown, limits: issuance }),
    ...(isAlive(hostAgent) ? { socket: hostAgent.workloadSocket } : {}),
  };
}

function findPod(
  paths: MeshPaths,
  pid: number,
  pods: readonly { readonly pod: Pod; readonly status?: PodStatus }[],
  supervisorPid: number | undefined,
): Pod | undefined {
  if (supervisorPid === undefined) return undefined;
  const containers = new Map(
    pods.map(({ pod, status }) => [pod.uid, (status?.containers ?? []).flatMap((each) => each.pid ?? [])]),
  );
  const membership = captureStrategy(readCapture(paths)).podProcessesFromOutside(
    paths,
    supervisorPid,
    (uid) => containers.get(uid) ?? [],
  );
  return pods.find(({ pod }) => membership.isInPod(pod.uid, pid))?.pod;
}

const STATE_TIMEOUT_MS = 5000;

/** Entries as the agents are told them now. @throws ERR_API_UNREACHABLE */
async function currentState(paths: MeshPaths): Promise<NodeState> {
  const client = createAgentClient({ socketPath: paths.caSocket, clock: systemClock });
  const ending = new AbortController();
  const timer = systemClock.setTimer(STATE_TIMEOUT_MS, () => ending.abort());
  let state: NodeState | undefined;
  try {
    await client.watchNode((next) => {
      state = next;
      ending.abort();
    }, ending.signal);
  } catch (cause) {
    if (!state)
      throw productError("ERR_API_UNREACHABLE", "the mesh's CA does not answer; is the mesh running?", { cause });
  } finally {
    timer.cancel();
    client.close();
  }
  if (!state) throw productError("ERR_API_UNREACHABLE", "the mesh's CA has not told its entries in time");
  return state;
}
