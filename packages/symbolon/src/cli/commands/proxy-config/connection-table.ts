import type { ConnectionRecord } from "../../../telemetry/index.ts";
import { formatTable } from "../../table.ts";

const HEAD = ["STATE", "DIRECTION", "SERVICE", "SECURITY", "PEER", "RECEIVED", "SENT", "REASON"];

/** Oldest first. */
export function connectionTable(connections: readonly ConnectionRecord[]): string {
  if (connections.length === 0) return "No connections yet.\n";
  return formatTable([HEAD, ...connections.map(line)]);
}

function line(record: ConnectionRecord): readonly string[] {
  const { reason, detail, tlsVersion, security } = record;
  return [
    record.open ? "open" : reason === undefined ? "ended" : "refused",
    record.direction,
    record.service ?? record.originalDestination,
    security === "mtls" && tlsVersion ? `mTLS ${tlsVersion}` : security,
    record.peerSpiffeId ?? record.peerAddress,
    String(record.bytesReceived),
    String(record.bytesSent),
    [reason, detail].filter((part) => part !== undefined).join(": "),
  ];
}
