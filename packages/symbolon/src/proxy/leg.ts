/** The methods of Bun's sockets that a leg uses; the same for TCP and TLS. */
export interface LegSocket {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  write(bytes: Uint8Array, start?: number, length?: number): number;
  pause(): void;
  resume(): void;
  shutdown(): void;
  end(): void;
  terminate(): void;
  setNoDelay(on: boolean): void;
  setKeepAlive(on: boolean, initialDelayMs: number): void;
}

/** Who is told what happens on a leg; changes as a connection goes through its phases. */
export interface LegOwner {
  /** Bytes came and were kept, because no other leg is linked yet. */
  onEarly?(leg: Leg): void;
  onOpen?(leg: Leg): void;
  onHandshake?(leg: Leg): void;
  onConnectFailed?(leg: Leg, error: Error): void;
  /** Reads the bytes itself, and is given them as they come; they are lent until it returns. */
  onData?(leg: Leg, chunk: Buffer): void;
  /** All that waited has been written. Also told without need, right after a socket has opened. */
  onDrained?(leg: Leg): void;
  /** The other end has sent its FIN. */
  onEnded?(leg: Leg): void;
  onClosed(leg: Leg): void;
}

/** One side of a connection through the proxy: a socket, what waits to be written to it, and the leg it is linked with. */
export class Leg {
  socket: LegSocket | undefined;
  owner: LegOwner;
  peer: Leg | undefined;
  /** Received before the other leg was linked. */
  early: Buffer[] = [];
  earlyBytes = 0;
  readonly maxEarlyBytes: number;
  /** As many early bytes as are kept have come: the other end is not read from for now. */
  onFull: (() => void) | undefined;
  /** Where the one who opened the connection wanted to, when the socket's own address does not tell. */
  captured: { readonly address: string; readonly port: number } | undefined;
  /** Waits for the socket to take more. */
  queue: Uint8Array[] = [];
  paused = false;
  /** FIN (or close_notify) is due once the queue is empty. */
  shutdownDue = false;
  wroteEnd = false;
  /** The other end has sent its FIN. */
  ended = false;
  closed = false;
  /** After an upgrade the raw socket goes on telling of ciphertext, which is not for us. */
  detached = false;
  /** TLS on a socket that was another leg's. */
  upgraded = false;
  /** TLS, and its handshake is over. */
  encrypted = false;
  bytesReceived = 0;
  /** By `send`, not from a linked leg. */
  bytesSent = 0;

  constructor(owner: LegOwner, maxEarlyBytes: number) {
    this.owner = owner;
    this.maxEarlyBytes = maxEarlyBytes;
  }

  /** Where the one who opened the connection wanted to. */
  get destination(): { readonly address: string; readonly port: number } {
    return this.captured ?? { address: this.socket?.localAddress ?? "", port: this.socket?.localPort ?? 0 };
  }

  /** Takes what has come so far out of the leg. */
  takeEarly(): Buffer {
    const bytes = this.early.length === 1 ? (this.early[0] as Buffer) : Buffer.concat(this.early);
    this.early = [];
    this.earlyBytes = 0;
    return bytes;
  }

  /** Ends at once with a reset. */
  terminate(): void {
    if (!this.closed) this.socket?.terminate();
  }
}
