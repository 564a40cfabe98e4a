import type { readProxyDump } from "../../../app/index.ts";
import { formatTable } from "../../table.ts";

const HEAD = ["PORT", "DIRECTION", "PROTOCOL", "MODE", "DECIDED BY"];

export interface ListenerRow {
  readonly port: number;
  readonly direction: "inbound" | "outbound";
  /** Of an inbound port: `http`, `tcp`, or `auto` for what its first bytes show. */
  readonly protocol?: string;
  readonly mode?: string;
  /** Which object decided the mode. */
  readonly decidedBy?: string;
}

/** Ports of the application first; one port may take both directions. */
export function listenerRows({
  listeners,
  local,
}: Pick<Awaited<ReturnType<typeof readProxyDump>>, "listeners" | "local">): readonly ListenerRow[] {
  const inbound = (local?.inboundPorts ?? []).map(
    ({ port, protocol, mode, decidedBy }): ListenerRow => ({ port, direction: "inbound", protocol, mode, decidedBy }),
  );
  return [...inbound, ...listeners.map((port): ListenerRow => ({ port, direction: "outbound" }))];
}

export function listenerTable(rows: readonly ListenerRow[]): string {
  if (rows.length === 0) return "No listeners.\n";
  return formatTable([HEAD, ...rows.map(cells)]);
}

function cells({ port, direction, protocol = "", mode = "", decidedBy = "" }: ListenerRow): readonly string[] {
  return [String(port), direction, protocol, mode.toUpperCase(), decidedBy];
}
