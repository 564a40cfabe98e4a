import type { Clock, Log } from "@symbolon/spiffe/core";
import {
  Deadlines,
  ServerConnection,
  type ServerConnectionLimits,
  type ServerStream,
  type Transport,
} from "../../http2/index.ts";
import { GrpcCall, type GrpcCallOptions, refuseStream } from "./grpc-call.ts";
import { HeldBytes } from "./grpc-message-reader.ts";
import type { GrpcMethod } from "./grpc-method.ts";
import { GRPC_CODE } from "./grpc-status.ts";

export interface GrpcServerOptions<Peer> {
  readonly methods: readonly GrpcMethod<Peer>[];
  readonly limits: ServerConnectionLimits;
  readonly maxMessageBytes: number;
  /**
   * What no client of ours sends: bytes that are no HTTP/2, calls that are no gRPC, methods that are not here, messages
   * that a method does not take, and what methods themselves say so of (`Call.refused`). @param reason one of few sentences
   */
  readonly onRefused?: (peer: Peer, reason: string) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** gRPC on connections that somebody else accepts, and whose peers somebody else knows. */
export interface GrpcServer<Peer> {
  /** A new connection: what arrives goes to its `receive`, `drained` and `ended`. */
  open(transport: Transport, peer: Peer): Pick<ServerConnection, "receive" | "drained" | "ended">;
  /** No new calls; every connection ends with its last call, or after `graceMs`. Resolves when all have. */
  close(graceMs: number): Promise<void>;
}

/** What the calls of one connection share. */
type OfConnection<Peer> = Pick<GrpcCallOptions<Peer>, "held" | "deadlines" | "refused">;

/** Parts of messages that one connection may have us keep. */
const MAX_HELD_BYTES = 1024 * 1024;

export function createGrpcServer<Peer>(options: GrpcServerOptions<Peer>): GrpcServer<Peer> {
  const { limits, maxMessageBytes, onRefused, clock, log } = options;
  const methods = new Map(options.methods.map((method) => [method.path, method]));
  const connections = new Set<ServerConnection>();
  let whenEmpty: (() => void) | undefined;
  let isClosing = false;

  const start = (stream: ServerStream, peer: Peer, ofConnection: OfConnection<Peer>): void => {
    const { method, path, headers } = stream.head;
    const contentType = headers.find(([name]) => name === "content-type")?.[1] ?? "";
    if (method !== "POST" || !/^application\/grpc(?:[+;]|$)/.test(contentType)) {
      ofConnection.refused("a call that is no gRPC");
      return refuseStream(stream, method === "POST" ? 415 : 405);
    }
    const found = methods.get(path);
    const call = new GrpcCall(stream, peer, { maxMessageBytes, ...ofConnection, log });
    if (found) return call.start(() => found.open(call));
    call.refused("a method that is not here");
    call.end({ code: GRPC_CODE.unimplemented, details: `the server has no method ${path.slice(0, 200)}` });
  };

  return {
    open(transport, peer) {
      const held = new HeldBytes(MAX_HELD_BYTES);
      const refused = (reason: string): void => onRefused?.(peer, reason);
      const deadlines = new Deadlines<GrpcCall<Peer>>(clock, (call) => call.late());
      const connection = new ServerConnection({
        transport,
        limits,
        clock,
        log,
        onStream: (stream) => start(stream, peer, { held, deadlines, refused }),
        onFailed: refused,
        onOver() {
          deadlines.stop();
          connections.delete(connection);
          if (connections.size === 0) whenEmpty?.();
        },
      });
      connections.add(connection);
      if (isClosing) connection.drain(0);
      return connection;
    },
    async close(graceMs) {
      isClosing = true;
      if (connections.size === 0) return;
      await new Promise<void>((resolve) => {
        whenEmpty = resolve;
        for (const connection of [...connections]) connection.drain(graceMs);
      });
    },
  };
}
