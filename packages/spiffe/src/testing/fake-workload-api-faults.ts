import type { ServerHttp2Stream } from "node:http2";
import type { Clock } from "../core/index.ts";
import { frameMessage, GRPC_STATUS } from "../workload-api/wire.ts";

/** What can go wrong with a call. */
export type FakeFault =
  /** The answer comes later, by the fake's clock. */
  | { readonly kind: "delay"; readonly ms: number }
  /** No answer at all, and the stream stays open. */
  | { readonly kind: "silence" }
  /** The connection is cut. */
  | { readonly kind: "drop" }
  /** The call ends with a gRPC status. */
  | { readonly kind: "status"; readonly code: number; readonly text: string }
  /** An HTTP answer that is not gRPC's. */
  | { readonly kind: "http"; readonly status: number }
  /** A message of these bytes; the stream goes on. */
  | { readonly kind: "message"; readonly bytes: Uint8Array }
  /** These bytes where the frame of a message should be, and then status OK. */
  | { readonly kind: "frame"; readonly bytes: Uint8Array };

/** @param goOn gives the answer that would have been given without the fault */
export function playFault(stream: ServerHttp2Stream, fault: FakeFault, clock: Clock, goOn: () => void): void {
  switch (fault.kind) {
    case "delay":
      clock.setTimer(fault.ms, goOn);
      return;
    case "silence":
      return;
    case "drop":
      stream.session?.destroy();
      return;
    case "status":
      endWithStatus(stream, fault.code, fault.text);
      return;
    case "http":
      stream.respond({ ":status": fault.status, "content-type": "text/plain" }, { endStream: true });
      return;
    case "message":
      beginAnswer(stream);
      stream.write(frameMessage(fault.bytes));
      goOn();
      return;
    case "frame":
      beginAnswer(stream);
      stream.write(fault.bytes);
      endWithStatus(stream, GRPC_STATUS.ok, "");
  }
}

/** Status to be sent as trailers, once there is one. */
const statuses = new WeakMap<ServerHttp2Stream, Record<string, string>>();

/** Sends the headers, when they have not been sent yet. */
export function beginAnswer(stream: ServerHttp2Stream): void {
  if (stream.headersSent) return;
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(statuses.get(stream) ?? {}));
}

/** Ends a call: with trailers after messages, without any in the headers (gRPC over HTTP/2, "Trailers-Only"). */
export function endWithStatus(stream: ServerHttp2Stream, code: number, text: string): void {
  if (stream.destroyed || stream.closed) return;
  const status = { "grpc-status": String(code), ...(text === "" ? {} : { "grpc-message": encodeURIComponent(text) }) };
  if (stream.headersSent) {
    statuses.set(stream, status);
    stream.end();
  } else {
    stream.respond({ ":status": 200, "content-type": "application/grpc", ...status }, { endStream: true });
  }
}
