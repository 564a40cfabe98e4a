import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import { type Clock, holdProcess, spiffeError } from "../core/index.ts";
import { GRPC_STATUS, grpcError, statusOfHttp } from "./grpc-status.ts";
import { frameMessage, MessageReader } from "./message-frames.ts";

/** Error code of HTTP/2 (RFC 9113 §7). */
const CANCEL = 0x8;

export interface CallOptions {
  /** Ends the call with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds until the whole call must be over; without it, for ever. */
  readonly timeoutMs?: number;
  /** Lets the process end while the call is open. */
  readonly background?: boolean;
}

export interface CallTarget {
  readonly session: ClientHttp2Session;
  readonly problem: () => string | undefined;
  readonly isClosed: () => boolean;
  readonly clock: Clock;
  readonly maxMessageBytes: number;
  /** For messages. */
  readonly address: string;
}

/** Messages that wait for their reader before the peer is made to wait. */
const QUEUE_LENGTH = 4;

/** A call with one request message (gRPC over HTTP/2). */
export async function* startCall(
  target: CallTarget,
  method: string,
  request: Uint8Array,
  options: CallOptions,
): AsyncGenerator<Uint8Array, void> {
  const { signal, timeoutMs, background = false } = options;
  signal?.throwIfAborted();
  const stream = requestStream(target, method, timeoutMs);
  const call = followCall(stream, target, method);
  const abort = (): void => call.cancel(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  const deadline =
    timeoutMs === undefined
      ? undefined
      : target.clock.setTimer(timeoutMs, () => call.cancel(tooLate(method, timeoutMs)));
  if (background) deadline?.unref?.();
  const release = background ? undefined : holdProcess(target.clock);
  try {
    stream.end(frameMessage(request));
    for (let message = await call.next(); message; message = await call.next()) yield message;
  } finally {
    call.cancel(undefined);
    deadline?.cancel();
    release?.();
    signal?.removeEventListener("abort", abort);
  }
}

function requestStream(target: CallTarget, method: string, timeoutMs: number | undefined): ClientHttp2Stream {
  const headers = {
    ":authority": "localhost",
    ":method": "POST",
    ":path": `/SpiffeWorkloadAPI/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
    "user-agent": "symbolon-spiffe",
    // C1; Workload Endpoint §5: against requests that a server was tricked into (SSRF).
    "workload.spiffe.io": "true",
    ...(timeoutMs === undefined ? {} : { "grpc-timeout": `${Math.min(Math.ceil(timeoutMs), 99_999_999)}m` }),
  };
  try {
    return target.session.request(headers, { endStream: false });
  } catch (cause) {
    throw unreachable(target, method, cause);
  }
}

interface FollowedCall {
  /** The next message, or undefined at the end. @throws what the call ended with */
  next(): Promise<Uint8Array | undefined>;
  /** @param reason what `next` throws from now on */
  cancel(reason: unknown): void;
}

type Outcome = { readonly ok: true } | { readonly ok: false; readonly error: unknown };

function followCall(stream: ClientHttp2Stream, target: CallTarget, method: string): FollowedCall {
  const reader = new MessageReader(target.maxMessageBytes);
  const queue: Uint8Array[] = [];
  let status: { readonly code: number; readonly text: string } | undefined;
  let streamError: unknown;
  let outcome: Outcome | undefined;
  let wake = (): void => {};

  const end = (result: Outcome): void => {
    if (outcome) return;
    outcome = result;
    if (!stream.destroyed) stream.close(CANCEL);
    wake();
  };
  const attempt = (step: () => void): void => {
    try {
      step();
    } catch (error) {
      queue.length = 0;
      end({ ok: false, error });
    }
  };

  // Without a body, the status comes with the first headers (gRPC "Trailers-Only").
  stream.on("response", (headers) => {
    status = readStatus(headers);
    if (headers[":status"] !== 200) {
      const http = Number(headers[":status"]);
      status ??= { code: statusOfHttp(http), text: `HTTP status ${http}` };
    }
  });
  stream.on("trailers", (headers) => {
    status ??= readStatus(headers);
  });
  stream.on("data", (chunk: Uint8Array) =>
    attempt(() => {
      if (outcome) return;
      queue.push(...reader.push(chunk));
      if (queue.length >= QUEUE_LENGTH) stream.pause();
      wake();
    }),
  );
  stream.on("error", (error) => {
    streamError ??= error;
  });
  stream.on("close", () => end(finalOutcome()));
  const finalOutcome = (): Outcome => {
    if (!status) return { ok: false, error: unreachable(target, method, streamError) };
    if (status.code !== GRPC_STATUS.ok) return { ok: false, error: grpcError(method, status.code, status.text) };
    if (!reader.hasRest) return { ok: true };
    const message = `${method}: the call ended inside a message`;
    return { ok: false, error: spiffeError("ERR_WORKLOAD_API_RESPONSE_INVALID", message, { details: { method } }) };
  };

  return {
    async next() {
      for (;;) {
        const message = queue.shift();
        if (message) {
          if (queue.length === 0 && stream.isPaused()) stream.resume();
          return message;
        }
        if (outcome?.ok === false) throw outcome.error;
        if (outcome) return undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    cancel(reason) {
      queue.length = 0;
      end({ ok: false, error: reason });
    },
  };
}

function readStatus(headers: IncomingHttpHeaders): { readonly code: number; readonly text: string } | undefined {
  const code = headers["grpc-status"];
  if (code === undefined) return undefined;
  const text = headers["grpc-message"];
  const isCode = typeof code === "string" && /^\d{1,2}$/.test(code);
  return { code: isCode ? Number(code) : GRPC_STATUS.unknown, text: typeof text === "string" ? text : "" };
}

/** A server that died and one that never was look the same: there is no status (Workload Endpoint, appendix A: Unavailable). */
function unreachable(target: CallTarget, method: string, cause: unknown) {
  if (target.isClosed()) return spiffeError("ERR_WORKLOAD_API_CLOSED", "the Workload API client was closed");
  const why = target.problem() ?? (cause instanceof Error ? cause.message : "the connection ended without an answer");
  const message = `Workload API at "${target.address}" cannot be reached: ${why}`;
  return spiffeError("ERR_WORKLOAD_API_UNREACHABLE", message, {
    details: { method, address: target.address },
    ...(cause === undefined ? {} : { cause }),
  });
}

function tooLate(method: string, timeoutMs: number) {
  const message = `${method}: no answer from the Workload API within ${timeoutMs} ms`;
  return spiffeError("ERR_WORKLOAD_API_DEADLINE", message, { details: { method, timeoutMs } });
}
