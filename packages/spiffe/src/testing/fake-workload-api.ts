import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock } from "../core/index.ts";
import { frameMessage, GRPC_STATUS, MessageReader } from "../workload-api/wire.ts";
import { beginAnswer, endWithStatus, type FakeFault, playFault } from "./fake-workload-api-faults.ts";
import {
  answerJwtSvid,
  answerValidation,
  encodeJwtBundles,
  encodeX509Bundles,
  encodeX509Svids,
  type FakeAnswer,
  type FakeWorkloadApiState,
} from "./fake-workload-api-messages.ts";

export type FakeMethod = "FetchX509SVID" | "FetchX509Bundles" | "FetchJWTSVID" | "FetchJWTBundles" | "ValidateJWTSVID";

export interface FakeCall {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
}

/**
 * A Workload API that serves what it is told to, on a Unix socket of its own: for tests of programs that take their
 * identity from one. It authenticates nobody.
 */
export interface FakeWorkloadApi extends AsyncDisposable {
  /** For `SPIFFE_ENDPOINT_SOCKET`. */
  readonly socket: string;
  /** Every call so far, oldest first. */
  readonly calls: readonly FakeCall[];
  /** Streams that are open now. */
  readonly openStreams: number;
  /** Replaces what is served, and sends it to every open stream that it concerns: a rotation, a withdrawal, a new bundle. */
  update(state: FakeWorkloadApiState): void;
  /** The next calls of `method` meet these faults, one each, instead of an answer. */
  failNext(method: FakeMethod, ...faults: readonly FakeFault[]): void;
  /** Plays a fault on every open stream of `method`. */
  failOpen(method: FakeMethod, fault: FakeFault): void;
  /** Cuts every connection, as a crash does; new ones are accepted. */
  dropConnections(): void;
  /** Ends the server and its connections; the socket file goes. */
  stop(): Promise<void>;
  /** Listens again at the same place, after `stop`. */
  start(): Promise<void>;
}

export interface FakeWorkloadApiOptions {
  readonly state: FakeWorkloadApiState;
  /** For delays and for the times in tokens. */
  readonly clock?: Clock;
}

const STREAMS: Readonly<Record<string, (state: FakeWorkloadApiState) => FakeAnswer>> = {
  FetchX509SVID: encodeX509Svids,
  FetchX509Bundles: encodeX509Bundles,
  FetchJWTBundles: encodeJwtBundles,
};
const MAX_REQUEST_BYTES = 64 * 1024;

interface OpenStream {
  readonly method: string;
  readonly stream: ServerHttp2Stream;
  /** What was sent last, so that nothing is sent twice (S11). */
  sent: Uint8Array | undefined;
}

export async function startFakeWorkloadApi(options: FakeWorkloadApiOptions): Promise<FakeWorkloadApi> {
  const { clock = systemClock } = options;
  const directory = mkdtempSync(join(tmpdir(), "spiffe-"));
  const path = join(directory, "agent.sock");
  const calls: FakeCall[] = [];
  const faults = new Map<string, FakeFault[]>();
  const open = new Set<OpenStream>();
  const sockets = new Set<Socket>();
  let state = options.state;
  let server: Http2Server | undefined;

  const push = (entry: OpenStream): void => {
    const answer = STREAMS[entry.method]?.(state);
    if (!answer) return;
    if (answer.kind === "status") return endWithStatus(entry.stream, answer.code, answer.text);
    if (entry.sent && Buffer.compare(entry.sent, answer.message) === 0) return;
    entry.sent = answer.message;
    sendMessage(entry.stream, answer.message);
  };
  const handle = (stream: ServerHttp2Stream, method: string, request: Uint8Array): void => {
    const fault = faults.get(method)?.shift();
    if (fault) return playFault(stream, fault, clock, () => answer(stream, method, request));
    answer(stream, method, request);
  };
  const answer = (stream: ServerHttp2Stream, method: string, request: Uint8Array): void => {
    if (method in STREAMS) {
      const entry: OpenStream = { method, stream, sent: undefined };
      open.add(entry);
      stream.on("close", () => open.delete(entry));
      return push(entry);
    }
    const reply = unaryAnswer(method, state, request, clock);
    if (reply.kind === "status") return endWithStatus(stream, reply.code, reply.text);
    sendMessage(stream, reply.message);
    endWithStatus(stream, GRPC_STATUS.ok, "");
  };
  const listen = async (): Promise<void> => {
    const created = createServer();
    server = created;
    created.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    });
    created.on("sessionError", () => {});
    created.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      // A client that leaves resets its streams.
      stream.on("error", () => {});
      const method = String(headers[":path"]).replace(/^\/SpiffeWorkloadAPI\//, "");
      calls.push({ method, headers });
      if (headers["workload.spiffe.io"] !== "true") {
        return endWithStatus(stream, GRPC_STATUS.invalidArgument, "security header missing from request");
      }
      readRequest(stream, (request) => handle(stream, method, request));
    });
    await new Promise<void>((resolve, reject) => {
      created.once("error", reject);
      created.listen(path, resolve);
    });
  };
  const dropConnections = (): void => {
    for (const socket of [...sockets]) socket.destroy();
    open.clear();
  };
  const stop = async (): Promise<void> => {
    const stopping = server;
    server = undefined;
    if (!stopping) return;
    const closed = new Promise<void>((resolve) => stopping.close(() => resolve()));
    dropConnections();
    await closed;
    rmSync(path, { force: true });
  };

  await listen();
  return {
    socket: `unix://${path}`,
    calls,
    get openStreams() {
      return open.size;
    },
    update(next) {
      state = next;
      for (const entry of [...open]) push(entry);
    },
    failNext(method, ...next) {
      faults.set(method, [...(faults.get(method) ?? []), ...next]);
    },
    failOpen(method, fault) {
      for (const entry of [...open].filter((each) => each.method === method)) {
        playFault(entry.stream, fault, clock, () => push(entry));
      }
    },
    dropConnections,
    stop,
    async start() {
      if (!server) await listen();
    },
    async [Symbol.asyncDispose]() {
      await stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function unaryAnswer(method: string, state: FakeWorkloadApiState, request: Uint8Array, clock: Clock): FakeAnswer {
  if (method === "FetchJWTSVID") return answerJwtSvid(state, request, clock.now());
  if (method === "ValidateJWTSVID") return answerValidation(state, request, clock.now());
  return { kind: "status", code: GRPC_STATUS.unimplemented, text: `unknown method ${method}` };
}

function readRequest(stream: ServerHttp2Stream, onRequest: (request: Uint8Array) => void): void {
  const reader = new MessageReader(MAX_REQUEST_BYTES);
  let request: Uint8Array | undefined;
  stream.on("data", (chunk: Uint8Array) => {
    request ??= reader.push(chunk)[0];
  });
  stream.on("end", () => {
    if (request) onRequest(request);
    else endWithStatus(stream, GRPC_STATUS.internal, "no request message");
  });
}

function sendMessage(stream: ServerHttp2Stream, message: Uint8Array): void {
  if (stream.destroyed || stream.closed) return;
  beginAnswer(stream);
  stream.write(frameMessage(message));
}
