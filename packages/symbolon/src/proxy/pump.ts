import { handshakeCompleted } from "./handshake-outcome.ts";
import type { Leg, LegSocket } from "./leg.ts";

type LegCarrier = LegSocket & { data: Leg };

/**
 * A peer that is gone without a word is asked after so long, then each second (the runtime's own choice); after ten
 * unanswered questions the kernel ends the connection: 25 s in all (FI-15).
 */
const KEEPALIVE_DELAY_MS = 15_000;

/** Below it, what freeing costs (about a microsecond) is more than the collector would take for it. */
const FREED_BYTES = 32_768;

/**
 * Handlers of every socket of the proxy, shared by all connections: nothing is allocated for a chunk. A Bun receive
 * buffer belongs to the runtime and is copied only when it has to wait; a large one is freed when it has been handled.
 */
export const legHandlers = {
  open(socket: LegCarrier): void {
    const leg = socket.data;
    leg.socket = socket;
    // A socket that TLS begins on has its options already.
    if (!leg.upgraded) {
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEPALIVE_DELAY_MS);
    }
    leg.owner.onOpen?.(leg);
  },
  handshake(socket: LegCarrier, success: boolean, error?: { readonly code?: unknown } | null): void {
    const leg = socket.data;
    leg.socket = socket;
    if (!handshakeCompleted(success, error)) return leg.terminate();
    leg.encrypted = true;
    leg.owner.onHandshake?.(leg);
  },
  data(socket: LegCarrier, chunk: Buffer): void {
    const leg = socket.data;
    if (leg.detached) return;
    leg.bytesReceived += chunk.length;
    if (leg.peer) forward(leg, leg.peer, chunk);
    else if (leg.owner.onData) leg.owner.onData(leg, chunk);
    else keepEarly(leg, chunk);
    // Not when it is part of something larger, which may have other parts.
    if (chunk.length === chunk.buffer.byteLength) free(chunk);
  },
  drain(socket: LegCarrier): void {
    const leg = socket.data;
    if (!leg.detached) flush(leg);
  },
  end(socket: LegCarrier): void {
    const leg = socket.data;
    if (leg.detached || leg.ended) return;
    leg.ended = true;
    if (leg.peer) finish(leg.peer);
    else leg.owner.onEnded?.(leg);
  },
  close(socket: LegCarrier, error?: Error): void {
    const leg = socket.data;
    if (leg.detached) return;
    // Bun tells no `end` of a FIN that answers ours: a close without error is that FIN, one with error a reset. TLS tells
    // of close_notify always. (Of a bare FIN it tells the same: a stream that is cut short with one looks like an end.)
    if (leg.wroteEnd && !leg.encrypted && !error) leg.ended = true;
    closed(leg);
  },
  /** A handler that throws has lost the chunk it was given: the connection cannot go on. */
  error(socket: LegCarrier): void {
    const leg = socket.data;
    leg.peer?.terminate();
    leg.terminate();
  },
  connectError(socket: LegCarrier, error: Error): void {
    const leg = socket.data;
    if (leg.closed) return;
    leg.closed = true;
    leg.owner.onConnectFailed?.(leg, error);
  },
};

/**
 * Gives memory back now instead of when the collector finds it, so that the next chunk is received into the same pages
 * (docs/reference/performance.md, memory under bulk).
 */
function free({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= FREED_BYTES) buffer.transfer(0);
}

/** Joins two legs: what each has received and will receive goes to the other. */
export function link(a: Leg, b: Leg): void {
  a.peer = b;
  b.peer = a;
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const early = from.early;
    from.early = [];
    from.earlyBytes = 0;
    for (const chunk of early) forward(from, to, chunk);
    if (from.paused && to.queue.length === 0) unpause(from);
    if (from.ended) finish(to);
    if (from.closed) closed(from);
  }
}

/** Writes what is somebody else's: the socket takes it, or the rest is copied and waits. False: nothing can be written any more. */
export function send(leg: Leg, bytes: Uint8Array, start = 0, end = bytes.length): boolean {
  if (leg.closed || leg.wroteEnd) return false;
  const length = end - start;
  let from = start;
  if (leg.queue.length === 0) {
    const written = leg.socket?.write(bytes, start, length) ?? -1;
    if (written < 0) return false;
    from += written;
  }
  leg.bytesSent += length;
  if (from < end) leg.queue.push(Buffer.from(bytes.subarray(from, end)));
  return true;
}

export function pause(leg: Leg): void {
  if (leg.paused || leg.closed) return;
  leg.paused = true;
  leg.socket?.pause();
}

function forward(from: Leg, to: Leg, chunk: Uint8Array): void {
  let rest = chunk;
  if (to.closed) return from.terminate();
  if (to.queue.length === 0) {
    const written = to.socket?.write(chunk) ?? -1;
    if (written === chunk.length) return;
    if (written < 0) return from.terminate();
    rest = chunk.subarray(written);
  }
  to.queue.push(Buffer.from(rest));
  if (!from.paused && !from.closed) {
    from.paused = true;
    from.socket?.pause();
  }
}

/** Also called without an earlier short write, right after a socket has opened. */
function flush(leg: Leg): void {
  for (let head = leg.queue[0]; head; head = leg.queue[0]) {
    const written = leg.socket?.write(head) ?? -1;
    if (written < 0) return (leg.peer ?? leg).terminate();
    if (written < head.length) {
      leg.queue[0] = head.subarray(written);
      return;
    }
    leg.queue.shift();
    free(head);
  }
  if (leg.shutdownDue) return finish(leg);
  if (leg.peer) {
    if (leg.peer.paused) unpause(leg.peer);
  } else leg.owner.onDrained?.(leg);
}

/** Half-close: `end()` would close both directions, and lose an answer that is still to come. */
export function finish(leg: Leg): void {
  if (leg.closed || leg.wroteEnd) return;
  if (leg.queue.length > 0) {
    leg.shutdownDue = true;
    return;
  }
  leg.wroteEnd = true;
  const { peer } = leg;
  if (leg.ended && (!peer || peer.wroteEnd)) {
    leg.socket?.end();
    if (peer && !peer.closed) peer.socket?.end();
    return;
  }
  leg.socket?.shutdown();
}

function closed(leg: Leg): void {
  const first = !leg.closed;
  leg.closed = true;
  leg.queue = [];
  const { peer } = leg;
  if (peer && !peer.closed) {
    // Nothing can be sent back any more. After a proper end what waits is still delivered; after a reset it is a reset.
    if (!leg.ended) peer.terminate();
    else if (peer.queue.length > 0) peer.shutdownDue = true;
    else peer.socket?.end();
  }
  if (first) leg.owner.onClosed(leg);
}

function keepEarly(leg: Leg, chunk: Buffer): void {
  leg.early.push(Buffer.from(chunk));
  leg.earlyBytes += chunk.length;
  if (leg.earlyBytes >= leg.maxEarlyBytes && !leg.paused) {
    leg.paused = true;
    leg.socket?.pause();
    leg.onFull?.();
  }
  leg.owner.onEarly?.(leg);
}

export function unpause(leg: Leg): void {
  leg.paused = false;
  if (!leg.closed) leg.socket?.resume();
}
