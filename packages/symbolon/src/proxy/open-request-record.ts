import type { ConnectionRecord, RequestRecord } from "../telemetry/index.ts";
import type { HttpService } from "./http-service.ts";
import { FIELD, type RequestHead, traceId } from "./http1/index.ts";
import { timestamp } from "./timestamp.ts";
import { withoutQueryTokens } from "./without-query-tokens.ts";

/** What is known of a request when its head has come: the rest of its record is filled in until it ends. */
export function openRequestRecord(
  head: RequestHead,
  connection: ConnectionRecord,
  { direction, security, localSpiffeId, peerSpiffeId }: HttpService,
  now: Date,
): RequestRecord {
  const { fields, authority, userAgent } = head;
  const record: RequestRecord = {
    connection: connection.id,
    direction,
    start: timestamp(now.getTime()),
    durationMs: 0,
    peerAddress: connection.peerAddress,
    originalDestination: connection.originalDestination,
    method: head.method,
    // What comes in is decided by its path first, and its tokens are taken out by the rules.
    path: direction === "outbound" ? withoutQueryTokens(head.target) : head.target,
    protocol: head.http10 ? "HTTP/1.0" : "HTTP/1.1",
    status: 0,
    flags: [],
    security: direction === "inbound" ? security : "plaintext",
    requestBytes: 0,
    responseBytes: 0,
  };
  if (authority !== undefined) record.authority = authority;
  if (userAgent !== undefined) record.userAgent = userAgent;
  const traceParent = fields.indexOf(FIELD.traceParent);
  const trace = traceParent < 0 ? undefined : traceId(fields.value(traceParent));
  if (trace !== undefined) record.traceId = trace;
  if (localSpiffeId !== undefined) record.localSpiffeId = localSpiffeId;
  if (peerSpiffeId === undefined) return record;
  record.peerSpiffeId = peerSpiffeId;
  if (connection.peerSerial !== undefined) record.peerSerial = connection.peerSerial;
  if (connection.tlsVersion !== undefined) record.tlsVersion = connection.tlsVersion;
  return record;
}
