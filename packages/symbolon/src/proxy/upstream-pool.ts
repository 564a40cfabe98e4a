import type { HttpLimits } from "./http-limits.ts";
import type { CountLimit } from "./limit-name.ts";
import type { PeerConnector, PeerFailure } from "./peer-connector.ts";
import type { ProxyIdentity } from "./ports.ts";
import type { PeerTarget } from "./route-destination.ts";
import type { Sweeper } from "./sweeper.ts";
import { targetNames } from "./target-names.ts";
import { UpstreamConnection } from "./upstream-connection.ts";

export type AcquireFailure = PeerFailure | { readonly reason: "too_many_connections"; readonly detail: string };

export interface AcquireCallbacks {
  /** Called at once when an unused connection is there. */
  acquired(connection: UpstreamConnection): void;
  failed(failure: AcquireFailure): void;
}

/** Connections for HTTP/1.1, kept while unused: one pool a proxy, so every connection in it has one source identity. */
export interface UpstreamPool {
  /** @returns gives the attempt up */
  acquire(target: PeerTarget, callbacks: AcquireCallbacks): () => void;
  /** Gives back a connection whose last answer has been read to its end. */
  release(connection: UpstreamConnection): void;
  /** Connections that are there or being opened. */
  count(): { readonly idle: number; readonly inUse: number };
  /** All unused ones are closed, and none is kept any more. */
  close(): void;
}

const NOTHING = (): void => undefined;

export function createUpstreamPool(options: {
  readonly connector: PeerConnector;
  readonly identity: () => ProxyIdentity | undefined;
  readonly sweeper: Sweeper;
  readonly limits: HttpLimits;
  readonly countLimit: CountLimit;
  readonly now: () => Date;
}): UpstreamPool {
  const { connector, sweeper, limits, countLimit } = options;
  const idle = new Map<string, UpstreamConnection[]>();
  /** Open or being opened. */
  const counts = new Map<string, number>();
  let closed = false;
  const swept = { sweep };

  return {
    acquire(target, callbacks) {
      const key = targetNames(target).pool;
      const reusable = takeIdle(target, key);
      if (reusable) {
        callbacks.acquired(reusable);
        return NOTHING;
      }
      const count = counts.get(key) ?? 0;
      if (count >= limits.upstreamsPerTarget) {
        countLimit("upstreamsPerTarget");
        callbacks.failed({ reason: "too_many_connections", detail: `${key} has ${count} connections` });
        return () => undefined;
      }
      counts.set(key, count + 1);
      const identity = options.identity();
      return connector.connect(
        target,
        {
          connected({ leg, peer, tlsVersion }) {
            callbacks.acquired(new UpstreamConnection({ leg, target, key, identity, peer, tlsVersion, forget }));
          },
          failed(failure) {
            countDown(key);
            callbacks.failed(failure);
          },
        },
        "http",
      );
    },
    release(connection) {
      connection.user = undefined;
      if (closed || connection.leg.closed || connection.leg.ended) return connection.discard();
      let unused = idle.get(connection.key);
      if (!unused) {
        unused = [];
        idle.set(connection.key, unused);
        sweeper.add(swept);
      }
      if (unused.length >= limits.idleUpstreamsPerTarget) {
        countLimit("idleUpstreamsPerTarget");
        return connection.discard();
      }
      connection.idleSinceMs = sweeper.nowMs;
      unused.push(connection);
    },
    count() {
      const total = sum(counts.values());
      const unused = sum(Array.from(idle.values(), ({ length }) => length));
      return { idle: unused, inUse: total - unused };
    },
    close() {
      closed = true;
      sweeper.remove(swept);
      for (const connection of [...idle.values()].flat()) connection.discard();
    },
  };

  /** The one used last: those at the other end grow old and are closed. */
  function takeIdle(target: PeerTarget, key: string): UpstreamConnection | undefined {
    const unused = idle.get(key);
    for (let connection = unused?.pop(); connection; connection = unused?.pop()) {
      if (isUsable(connection, target)) return connection;
      connection.discard();
    }
    return undefined;
  }

  /** As a new handshake would come out now: same identity of ours, and of theirs one that is still expected (SR-44). */
  function isUsable({ leg, identity, peer }: UpstreamConnection, { security }: PeerTarget): boolean {
    if (leg.closed || leg.ended) return false;
    if (security.kind === "plaintext") return true;
    return (
      identity !== undefined &&
      identity === options.identity() &&
      peer !== undefined &&
      peer.notAfter.getTime() > options.now().getTime() &&
      security.expectedSpiffeIds.includes(peer.spiffeId.toString())
    );
  }

  function forget(connection: UpstreamConnection): void {
    countDown(connection.key);
    const unused = idle.get(connection.key);
    const index = unused?.indexOf(connection) ?? -1;
    if (index >= 0) unused?.splice(index, 1);
  }

  function countDown(key: string): void {
    const count = (counts.get(key) ?? 1) - 1;
    if (count > 0) counts.set(key, count);
    else counts.delete(key);
  }

  function sweep(nowMs: number): void {
    for (const [key, unused] of idle) {
      for (const connection of [...unused]) {
        const limit = keepLimit(connection);
        if (nowMs - connection.idleSinceMs < limits[limit]) continue;
        countLimit(limit);
        connection.discard();
      }
      if (unused.length === 0) idle.delete(key);
    }
    if (idle.size === 0) sweeper.remove(swept);
  }

  function keepLimit({ target }: UpstreamConnection): "peerKeepAliveMs" | "applicationKeepAliveMs" {
    return target.security.kind === "mtls" ? "peerKeepAliveMs" : "applicationKeepAliveMs";
  }
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
