import type { AuthorizationRecord } from "./authorization-record.ts";

/** Why a connection was refused or ended early; stable codes, for people and programs. */
export type RefusalReason =
  | "plaintext_refused"
  | "foreign_tls_refused"
  | "no_client_certificate"
  | "peer_not_verified"
  | "session_resumed"
  | "server_identity_mismatch"
  | "server_identity_unknown"
  | "no_identity"
  | "no_endpoint"
  | "unknown_destination"
  | "connect_failed"
  | "handshake_failed"
  | "handshake_timeout"
  | "detection_timeout"
  | "client_hello_too_large"
  | "limit_exceeded"
  /** By policy; `detail` names it. revoked: it was allowed, and a change of policy ended it. */
  | "access_denied"
  | "access_revoked"
  | "closed_early";

/** What is known of one connection through a proxy. JSON-safe; one object a connection, filled in while it lives. */
export interface ConnectionRecord {
  readonly id: number;
  /** Seen from the workload. */
  readonly direction: "inbound" | "outbound";
  /** RFC 3339. */
  readonly start: string;
  durationMs?: number;
  open: boolean;
  readonly peerAddress: string;
  /** Absent until it is known. Requests over an `http` connection have records of their own. */
  protocol?: "tcp" | "http";
  /** Requests that were recorded; absent: none. */
  requests?: number;
  /** A request has made it something else than HTTP (WebSocket); what came then is in the bytes and the duration. */
  upgraded?: boolean;
  /** The address that the caller dialled, `address:port`. */
  readonly originalDestination: string;
  /** `name.namespace:port` of the Service that was meant. */
  service?: string;
  /** Where it was sent, `address:port`. */
  upstream?: string;
  security: "mtls" | "plaintext" | "tls-passthrough" | "none";
  tlsVersion?: string;
  localSpiffeId?: string;
  peerSpiffeId?: string;
  /** Lower-case hex. */
  peerSerial?: string;
  /** Of a refusal by secure naming. */
  expectedSpiffeIds?: readonly string[];
  reason?: RefusalReason;
  detail?: string;
  /** What the server's policies said of a connection that is not HTTP. */
  authorization?: AuthorizationRecord;
  /** To and from the one who opened the connection, without TLS. */
  bytesSent: number;
  bytesReceived: number;
}
