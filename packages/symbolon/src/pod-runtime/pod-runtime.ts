import type { Observable } from "@symbolon/spiffe/core";
import type { Pod } from "../mesh/index.ts";
import { type PodRuntimePorts, type PodWorker, startPodWorker } from "./pod-worker.ts";

export interface PodRuntime {
  /** Pods that exist here, in any state. */
  readonly pods: readonly Pod[];
  /** Ends every pod and takes no new ones. May be called twice. */
  close(): Promise<void>;
}

/** Namespaces are made by short programs; more at once would only wait for the processor. */
const CREATIONS_AT_ONCE = 4;

/**
 * Makes the pods of this machine be what `desired` says. A pod's description never changes under one uid
 * (as in Kubernetes: a change is a new pod), so only uids are compared.
 */
export function startPodRuntime(desired: Observable<readonly Pod[]>, ports: PodRuntimePorts): PodRuntime {
  const workers = new Map<string, PodWorker>();
  /** Addresses still held by pods that are ending: a new pod with such an address waits. */
  const ending = new Map<string, Promise<void>>();
  const enterCreation = createGate(CREATIONS_AT_ONCE);
  let closed = false;

  const reconcile = (pods: readonly Pod[]): void => {
    if (closed) return;
    const wanted = new Set(pods.map((pod) => pod.uid));
    for (const worker of workers.values()) if (!wanted.has(worker.pod.uid)) end(worker);
    for (const pod of pods) if (!workers.has(pod.uid)) begin(pod);
  };

  const begin = (pod: Pod): void => {
    const addressFree = ending.get(pod.address) ?? Promise.resolve();
    workers.set(
      pod.uid,
      startPodWorker(pod, ports, (create) => addressFree.then(() => enterCreation(create))),
    );
  };

  const end = (worker: PodWorker): void => {
    workers.delete(worker.pod.uid);
    const { address } = worker.pod;
    const before = ending.get(address);
    const gone = Promise.all([before, worker.stop()]).then(() => {
      if (ending.get(address) === gone) ending.delete(address);
    });
    ending.set(address, gone);
  };

  const unsubscribe = desired.subscribe(reconcile);
  reconcile(desired.current);
  return {
    get pods() {
      return [...workers.values()].map((worker) => worker.pod);
    },
    async close() {
      closed = true;
      unsubscribe();
      for (const worker of workers.values()) end(worker);
      await Promise.all(ending.values());
    },
  };
}

/** Lets at most `limit` calls run at the same time, in the order they came. */
function createGate(limit: number): <T>(run: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let inside = 0;
  return async (run) => {
    if (inside >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else inside++;
    try {
      return await run();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else inside--;
    }
  };
}
