import type { AuthorizationRecord } from "./authorization-record.ts";

/** Envoy's short names of what went wrong with a request, as far as they can happen here. */
export type ResponseFlag =
  /** No route, no healthy endpoint, no connection could be made. */
  | "NR"
  | "UH"
  | "UF"
  /** The upstream closed before it had answered; it answered garbage; it did not answer in time; too many connections to it. */
  | "UC"
  | "UPE"
  | "UT"
  | "UO"
  /** The client went away; it broke the protocol; it was silent in the middle of a request. */
  | "DC"
  | "DPE"
  | "SI"
  /** The proxy had as much to do as it takes on. */
  | "OM"
  /** A policy refused it. */
  | "RBAC";

/** What is known of one request through a proxy. JSON-safe. */
export interface RequestRecord {
  /** `id` of its connection's record. */
  readonly connection: number;
  readonly direction: "inbound" | "outbound";
  /** RFC 3339. */
  readonly start: string;
  durationMs: number;
  /** From the start to the head of the answer that the upstream gave; absent: it gave none. */
  responseMs?: number;
  /** Address of the connection's other end. */
  readonly peerAddress: string;
  /** The address that the caller dialled, `address:port`. */
  readonly originalDestination: string;
  readonly method: string;
  /** Target as it was forwarded. */
  path: string;
  authority?: string;
  readonly protocol: "HTTP/1.0" | "HTTP/1.1";
  /** Of the request as it was forwarded. */
  requestId?: string;
  /** Of the W3C trace context (`traceparent`) that came with the request. */
  traceId?: string;
  userAgent?: string;
  /** Of the answer that the client got; 0 when it got none. */
  status: number;
  flags: readonly ResponseFlag[];
  /** Stable code of what the flags are about, or a sentence. */
  detail?: string;
  /** `name.namespace:port` of the Service that was meant. */
  service?: string;
  upstream?: string;
  security: "mtls" | "plaintext";
  localSpiffeId?: string;
  peerSpiffeId?: string;
  /** Lower-case hex. */
  peerSerial?: string;
  tlsVersion?: string;
  /** What the server's policies said; absent: none attaches, or the proxy is the client's. */
  authorization?: AuthorizationRecord;
  /** Content of request and answer, without framing. */
  requestBytes: number;
  responseBytes: number;
}
