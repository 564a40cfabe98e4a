import type { Clock } from "@symbolon/spiffe/core";
import { PLAINTEXT_RETENTION_MS, type PlaintextCaller, type PlaintextSighting } from "../telemetry/index.ts";
import type { PodRecord } from "./pod-record.ts";
import type { PlaintextCallerStore } from "./ports.ts";

/** Who still calls without mutual TLS: what has to be known before a namespace becomes STRICT. */
export interface PlaintextCallers {
  /** What a pod's proxy has seen; resolves when it is durable. */
  store(podUid: string, sightings: readonly PlaintextSighting[]): void;
  /** The latest first. */
  list(namespace?: string): readonly PlaintextCaller[];
}

export function createPlaintextCallers(options: {
  readonly pods: () => readonly PodRecord[];
  readonly callers: PlaintextCallerStore;
  readonly clock: Clock;
}): PlaintextCallers {
  const { pods, callers, clock } = options;
  return {
    store(podUid, sightings) {
      if (sightings.length === 0) return;
      const records = pods();
      const called = records.find(({ pod }) => pod.uid === podUid);
      if (called === undefined) return;
      const seen = sightings.map(({ port, sourceAddress, refused, count, lastSeen }) => ({
        namespace: called.pod.namespace,
        workload: `${called.owner.kind} ${called.owner.name}`,
        port,
        caller: callerAt(sourceAddress, records),
        refused,
        count,
        firstSeen: lastSeen,
        lastSeen,
      }));
      callers.add(seen, { notBefore: new Date(clock.now().getTime() - PLAINTEXT_RETENTION_MS) });
    },
    list: (namespace) => callers.list(namespace),
  };
}

function callerAt(address: string, records: readonly PodRecord[]): string {
  const record = records.find(({ pod }) => pod.address === address);
  return record === undefined ? address : `${record.owner.kind} ${record.owner.namespace}/${record.owner.name}`;
}
