import type { Clock } from "@symbolon/spiffe/core";
import type { ConnectionRecord } from "../telemetry/index.ts";
import type { Leg } from "./leg.ts";
import { timestamp } from "./timestamp.ts";

/** A connection from its accept to its end. */
export interface TrackedConnection {
  readonly record: ConnectionRecord;
  /** The side that opened the connection, and the one it was sent to. */
  downstream: Leg;
  upstream: Leg | undefined;
  /** Ends the connection as soon as nothing is under way on it; absent: nobody can tell. */
  drain?: () => void;
  /** Policies have changed; set before they are asked for the first time, so that no change is missed. */
  readmit?: () => void;
  /** Once; later calls change nothing. */
  finish(): void;
}

/** Every live connection, and the newest that have ended. */
export interface ConnectionRegistry {
  open(
    record: Omit<ConnectionRecord, "id" | "start" | "open" | "bytesSent" | "bytesReceived">,
    downstream: Leg,
  ): TrackedConnection;
  /** Connections of one peer address that are open. */
  countOf(address: string): number;
  readonly live: ReadonlySet<TrackedConnection>;
  /** Of live connections, with what they have carried so far. */
  liveRecords(): readonly ConnectionRecord[];
  /** Oldest first; live ones with what they have carried so far. */
  records(): readonly ConnectionRecord[];
}

const KEPT_AFTER_END = 256;

export function createConnectionRegistry(clock: Clock, ended?: (record: ConnectionRecord) => void): ConnectionRegistry {
  const live = new Set<TrackedConnection>();
  const perAddress = new Map<string, number>();
  const past: ConnectionRecord[] = [];
  let lastId = 0;

  const measure = ({ record, downstream, upstream }: TrackedConnection): void => {
    record.bytesReceived = downstream.bytesReceived;
    record.bytesSent = downstream.bytesSent + (upstream?.bytesReceived ?? 0);
  };

  const liveRecords = (): readonly ConnectionRecord[] =>
    Array.from(live, (connection) => {
      measure(connection);
      return connection.record;
    });

  return {
    live,
    countOf: (address) => perAddress.get(address) ?? 0,
    open(facts, downstream) {
      const startedMs = clock.monotonicMs();
      const record: ConnectionRecord = {
        ...facts,
        id: ++lastId,
        start: timestamp(clock.now().getTime()),
        open: true,
        bytesSent: 0,
        bytesReceived: 0,
      };
      const connection: TrackedConnection = {
        record,
        downstream,
        upstream: undefined,
        finish() {
          if (!live.delete(connection)) return;
          measure(connection);
          record.open = false;
          record.durationMs = Math.round(clock.monotonicMs() - startedMs);
          const remaining = (perAddress.get(record.peerAddress) ?? 1) - 1;
          if (remaining > 0) perAddress.set(record.peerAddress, remaining);
          else perAddress.delete(record.peerAddress);
          past.push(record);
          if (past.length > KEPT_AFTER_END) past.shift();
          ended?.(record);
        },
      };
      live.add(connection);
      perAddress.set(record.peerAddress, (perAddress.get(record.peerAddress) ?? 0) + 1);
      return connection;
    },
    liveRecords,
    records: () => [...past, ...liveRecords()].sort((a, b) => a.id - b.id),
  };
}
