import type { ConnectionRecord, DenialRecord, RefusalReason } from "../telemetry/index.ts";

/** Refusals that mutual TLS made, before any AuthorizationPolicy was asked. */
const IDENTITY_REASONS: ReadonlySet<RefusalReason | undefined> = new Set([
  "plaintext_refused",
  "foreign_tls_refused",
  "no_client_certificate",
  "peer_not_verified",
  "session_resumed",
] as const);

type Context = Pick<DenialRecord, "time" | "configVersion" | "workload">;

/** Undefined: the connection was not refused, or for a reason that says nothing about who called. */
export function identityDenial(record: ConnectionRecord, context: Context): DenialRecord | undefined {
  const { id, direction, reason, detail = "", peerAddress, originalDestination, peerSpiffeId } = record;
  if (direction !== "inbound" || reason === undefined || !IDENTITY_REASONS.has(reason)) return undefined;
  const colon = originalDestination.lastIndexOf(":");
  return {
    ...context,
    what: "connection",
    connectionId: id,
    reason,
    detail,
    connection: {
      sourceAddress: peerAddress,
      destinationAddress: originalDestination.slice(0, colon),
      destinationPort: Number(originalDestination.slice(colon + 1)),
      ...(peerSpiffeId === undefined ? {} : { peerSpiffeId }),
    },
  };
}
