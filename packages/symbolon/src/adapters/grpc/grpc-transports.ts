import type { Duplex } from "node:stream";
import type { Clock } from "@symbolon/spiffe/core";
import { errorText } from "@symbolon/spiffe/core";
import { productError } from "../../core/index.ts";
import type { Transport } from "../../http2/index.ts";
import type { GrpcServer } from "./grpc-server.ts";

/** From our last word to the end of the socket: a peer that does not read what is left would keep it. */
const LINGER_MS = 1000;

/** Serves a connection that a listener of Node's kind has accepted. */
export function serveSocket<Peer>(server: GrpcServer<Peer>, socket: Duplex, peer: Peer, clock: Clock): void {
  const transport: Transport = {
    write: (bytes) => socket.write(bytes),
    end() {
      socket.end();
      const linger = clock.setTimer(LINGER_MS, () => socket.destroy());
      socket.once("close", () => linger.cancel());
    },
    destroy: () => void socket.destroy(),
  };
  const connection = server.open(transport, peer);
  socket.on("data", (chunk: Buffer) => connection.receive(chunk));
  socket.on("drain", () => connection.drained());
  socket.on("end", () => connection.ended());
  socket.on("close", () => connection.ended());
}

export interface GrpcListener {
  /** Stops listening, and ends what is still open. */
  close(): void;
}

export interface GrpcListenerOptions<Peer> {
  readonly server: GrpcServer<Peer>;
  /** Who has connected; undefined when the connection is refused, and closed unread. @param fd of its socket */
  readonly accept: (fd: number) => Peer | undefined;
  readonly closed: (peer: Peer) => void;
  readonly clock: Clock;
}

interface Accepted<Peer> {
  readonly transport: UnixTransport;
  readonly connection: ReturnType<GrpcServer<Peer>["open"]>;
  readonly peer: Peer;
}

/**
 * Accepts connections on a Unix socket without the streams of `node:net`, which cost 7 KB each.
 * @throws ERR_LISTEN_FAILED
 */
export function listenForGrpc<Peer>(path: string, options: GrpcListenerOptions<Peer>): GrpcListener {
  const { server, accept, closed, clock } = options;
  try {
    const listener = Bun.listen<Accepted<Peer> | undefined>({
      unix: path,
      socket: {
        open(socket) {
          const peer = accept((socket as unknown as { readonly fd: number }).fd);
          if (peer === undefined) return void socket.terminate();
          const transport = new UnixTransport(socket, clock);
          socket.data = { transport, connection: server.open(transport, peer), peer };
        },
        data: (socket, chunk) => socket.data?.connection.receive(chunk as Buffer),
        drain(socket) {
          if (socket.data?.transport.drain()) socket.data.connection.drained();
        },
        end: (socket) => socket.data?.connection.ended(),
        close({ data }) {
          if (!data) return;
          data.transport.closed();
          data.connection.ended();
          closed(data.peer);
        },
        error: (socket) => socket.data?.connection.ended(),
      },
    });
    return { close: () => listener.stop(true) };
  } catch (cause) {
    throw productError("ERR_LISTEN_FAILED", `cannot listen on "${path}": ${errorText(cause)}`, { cause });
  }
}

type UnixSocket = Pick<Bun.Socket<unknown>, "write" | "end" | "terminate">;

/** Keeps what the kernel does not take at once. */
class UnixTransport implements Transport {
  readonly #socket: UnixSocket;
  readonly #clock: Clock;
  #rest: Buffer | undefined;
  #isEnding = false;
  #linger: ReturnType<Clock["setTimer"]> | undefined;

  constructor(socket: UnixSocket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
  }

  write(bytes: Buffer): boolean {
    if (this.#rest) {
      this.#rest = Buffer.concat([this.#rest, bytes]);
      return false;
    }
    const written = Math.max(0, this.#socket.write(bytes));
    if (written < bytes.length) this.#rest = bytes.subarray(written);
    return !this.#rest;
  }

  /** @returns true when nothing is left */
  drain(): boolean {
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest && !this.write(rest)) return false;
    if (this.#isEnding) this.#socket.end();
    return true;
  }

  end(): void {
    this.#isEnding = true;
    if (!this.#rest) this.#socket.end();
    this.#linger = this.#clock.setTimer(LINGER_MS, () => this.destroy());
  }

  destroy(): void {
    this.#socket.terminate();
  }

  closed(): void {
    this.#linger?.cancel();
    this.#rest = undefined;
  }
}
