import type { ClientHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { type Clock, errorText, isSymbolonError, spiffeError, type Timer } from "../core/index.ts";
import { builtinModule } from "../runtime/index.ts";
import { type EndpointAddress, endpointAddressText } from "./endpoint-address.ts";
import { type CallOptions, type CallTarget, startCall } from "./grpc-call.ts";

const nodeHttp2 = builtinModule("node:http2");
const nodeNet = builtinModule("node:net");

export interface GrpcChannelOptions {
  readonly address: EndpointAddress;
  readonly clock: Clock;
  /** Largest message that is taken. */
  readonly maxMessageBytes: number;
  /** For the peer to show that it speaks HTTP/2. */
  readonly connectTimeoutMs: number;
}

/**
 * One gRPC connection, made when it is first needed and again after it has ended. An open connection does not keep the
 * process alive; a call does, unless it is one in the background.
 */
export interface GrpcChannel {
  /** @throws ERR_WORKLOAD_API_*, or the signal's reason */
  unary(method: string, request: Uint8Array, options?: CallOptions): Promise<Uint8Array>;
  /** Messages as they come; ends when the server ends the call with OK. Leaving the loop cancels it. @throws as `unary` */
  serverStream(method: string, request: Uint8Array, options?: CallOptions): AsyncGenerator<Uint8Array, void>;
  /** Calls under way end with ERR_WORKLOAD_API_CLOSED. */
  close(): void;
}

/** Between two probes of a TCP peer that says nothing; a Unix socket always notices. */
const KEEP_ALIVE_MS = 30_000;

export function createGrpcChannel(options: GrpcChannelOptions): GrpcChannel {
  const { address, clock, maxMessageBytes } = options;
  let connection: Connection | undefined;
  let closed = false;

  const connectionInUse = (): Connection => {
    if (closed) throw spiffeError("ERR_WORKLOAD_API_CLOSED", "the Workload API client is closed");
    if (!connection?.isUsable()) connection = openConnection(options);
    return connection;
  };
  const targetOf = ({ session, problem }: Connection): CallTarget => {
    const isClosed = () => closed;
    return { session, problem, isClosed, clock, maxMessageBytes, address: endpointAddressText(address) };
  };
  /**
   * A connection that was there before may have ended without our knowing: the call is made once more on a new one. Every
   * method only asks, so that it does no harm if the first one arrived.
   */
  const call = async function* (method: string, request: Uint8Array, callOptions: CallOptions) {
    for (let mayBeStale = connection?.isUsable() === true; ; mayBeStale = false) {
      const used = connectionInUse();
      let hasAnswer = false;
      try {
        for await (const message of startCall(targetOf(used), method, request, callOptions)) {
          hasAnswer = true;
          yield message;
        }
        return;
      } catch (error) {
        const isLost = isSymbolonError(error) && error.code === "ERR_WORKLOAD_API_UNREACHABLE";
        if (isLost) used.retire();
        if (!isLost || hasAnswer || !mayBeStale) throw error;
      }
    }
  };

  return {
    async unary(method, request, callOptions = {}) {
      let answer: Uint8Array | undefined;
      for await (const message of call(method, request, callOptions)) {
        if (answer) throw unaryAnswer(method, "more than one message");
        answer = message;
      }
      if (!answer) throw unaryAnswer(method, "no message");
      return answer;
    },
    serverStream: (method, request, callOptions = {}) => call(method, request, callOptions),
    close() {
      closed = true;
      connection?.destroy();
    },
  };
}

interface Connection {
  readonly session: ClientHttp2Session;
  /** Why it has ended, as far as is known. */
  problem(): string | undefined;
  /** Whether a new call may start on it. */
  isUsable(): boolean;
  /** No new call starts on it; those under way go on. */
  retire(): void;
  destroy(): void;
}

function openConnection(options: GrpcChannelOptions): Connection {
  const { address, clock, connectTimeoutMs } = options;
  let problem: string | undefined;
  let usable = true;
  const socket: Socket =
    address.kind === "unix"
      ? nodeNet().connect({ path: address.path })
      : nodeNet().connect({ host: address.host, port: address.port });
  if (address.kind === "tcp") socket.setKeepAlive(true, KEEP_ALIVE_MS).setNoDelay(true);
  const session = nodeHttp2().connect("http://localhost", { createConnection: () => socket });
  const stop = (why: string): void => {
    problem ??= why;
    usable = false;
    session.destroy();
    socket.destroy();
  };
  const timer: Timer = clock.setTimer(connectTimeoutMs, () => stop(`no HTTP/2 from it within ${connectTimeoutMs} ms`));
  timer.unref?.();
  socket.on("error", (error) => stop(errorText(error)));
  session.on("error", (error) => stop(errorText(error)));
  session.on("remoteSettings", () => timer.cancel());
  // Calls under way go on; new ones need a new connection.
  session.on("goaway", () => {
    usable = false;
  });
  session.on("close", () => {
    usable = false;
    timer.cancel();
  });
  socket.unref();
  session.unref();
  return {
    session,
    problem: () => problem,
    isUsable: () => usable && !session.closed && !session.destroyed,
    retire: () => {
      usable = false;
      if (!session.closed && !session.destroyed) session.close();
    },
    destroy: () => {
      timer.cancel();
      stop("closed");
    },
  };
}

function unaryAnswer(method: string, what: string) {
  return spiffeError("ERR_WORKLOAD_API_RESPONSE_INVALID", `${method}: ${what} where one is due`, {
    details: { method },
  });
}
