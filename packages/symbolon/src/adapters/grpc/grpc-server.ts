import type { Duplex } from "node:stream";
import type { Clock, Log } from "@symbolon/spiffe/core";
import { ServerConnection, type ServerConnectionLimits, type ServerStream } from "../../http2/index.ts";
import { GrpcCall, refuseStream } from "./grpc-call.ts";
import { HeldBytes } from "./grpc-message-reader.ts";
import type { GrpcMethod } from "./grpc-method.ts";
import { GRPC_CODE } from "./grpc-status.ts";

export interface GrpcServerOptions<Peer> {
  readonly methods: readonly GrpcMethod<Peer>[];
  readonly limits: ServerConnectionLimits;
  readonly maxMessageBytes: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** gRPC on connections that somebody else accepts, and whose peers somebody else knows. */
export interface GrpcServer<Peer> {
  serve(socket: Duplex, peer: Peer): void;
  /** No new calls; every connection ends with its last call, or after `graceMs`. Resolves when all have. */
  close(graceMs: number): Promise<void>;
}

/** Parts of messages that one connection may have us keep. */
const MAX_HELD_BYTES = 1024 * 1024;
/** From our last word to the end of the socket. */
const LINGER_MS = 1000;

export function createGrpcServer<Peer>(options: GrpcServerOptions<Peer>): GrpcServer<Peer> {
  const { limits, maxMessageBytes, clock, log } = options;
  const methods = new Map(options.methods.map((method) => [method.path, method]));
  const connections = new Map<ServerConnection, Duplex>();
  let whenEmpty: (() => void) | undefined;

  const open = (stream: ServerStream, peer: Peer, held: HeldBytes): void => {
    const { method, path, headers } = stream.head;
    const contentType = headers.find(([name]) => name === "content-type")?.[1] ?? "";
    if (method !== "POST") return refuseStream(stream, 405);
    if (!/^application\/grpc(?:[+;]|$)/.test(contentType)) return refuseStream(stream, 415);
    const found = methods.get(path);
    const call = new GrpcCall(stream, peer, { maxMessageBytes, held, clock, log });
    if (found) return call.start(() => found.open(call));
    call.end({ code: GRPC_CODE.unimplemented, details: `the server has no method ${path.slice(0, 200)}` });
  };

  return {
    serve(socket, peer) {
      const held = new HeldBytes(MAX_HELD_BYTES);
      const transport = {
        write: (bytes: Buffer) => socket.write(bytes),
        end() {
          socket.end();
          // A peer that does not read what is left would keep the socket.
          const linger = clock.setTimer(LINGER_MS, () => socket.destroy());
          socket.once("close", () => linger.cancel());
        },
        destroy: () => void socket.destroy(),
      };
      const connection = new ServerConnection({
        transport,
        limits,
        clock,
        log,
        onStream: (stream) => open(stream, peer, held),
      });
      connections.set(connection, socket);
      socket.on("data", (chunk: Buffer) => connection.receive(chunk));
      socket.on("drain", () => connection.drained());
      socket.on("end", () => connection.ended());
      socket.on("close", () => {
        connection.ended();
        connections.delete(connection);
        if (connections.size === 0) whenEmpty?.();
      });
    },
    async close(graceMs) {
      if (connections.size === 0) return;
      await new Promise<void>((resolve) => {
        whenEmpty = resolve;
        for (const connection of [...connections.keys()]) connection.drain(graceMs);
      });
    },
  };
}
