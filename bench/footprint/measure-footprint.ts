import { targetOf } from "../harness/measure.ts";
import { residentMegabytes } from "../harness/process-usage.ts";
import { OURS, type Session } from "../harness/session.ts";
import { HTTP_WITH_EVERYTHING } from "../harness/traffic.ts";
import type { Product } from "../pairs/pair.ts";

export interface FootprintResult {
  readonly name: string;
  /** From the start of the process to an accepted connection; of the inbound proxy. */
  readonly readyMs: number;
  /** Resident megabytes of the inbound proxy: right after its start, and with 1,000 mTLS connections that have been used once. */
  readonly idleMb: number;
  readonly connectedMb: number;
}

export const FOOTPRINT_TARGETS = { readyMs: 300, idleMb: 60, connectedMb: 120 } as const;
const CONNECTIONS = 1000;
const EXCHANGE = { upload: 0, download: 128 };
const TRAFFIC = HTTP_WITH_EVERYTHING;

export async function measureFootprint(
  session: Session,
  peers: readonly Product[],
): Promise<readonly FootprintResult[]> {
  const results = [];
  for (const product of [OURS, ...peers]) {
    // New processes, each of the two with a core of its own.
    const pair = await session.pair(product, TRAFFIC, { pinned: false });
    const idleMb = residentMegabytes([pair.inboundPid]);
    const target = targetOf(session, pair, "server", TRAFFIC);
    await session.load.send({ kind: "connect", target, connections: CONNECTIONS, exchange: EXCHANGE });
    const connectedMb = residentMegabytes([pair.inboundPid]);
    await session.load.send({ kind: "close" });
    results.push({ name: product.name, readyMs: pair.readyMs, idleMb, connectedMb });
  }
  return results;
}

export function printFootprint(results: readonly FootprintResult[]): void {
  for (const { name, readyMs, idleMb, connectedMb } of results)
    console.log(
      `${name}: ready after ${readyMs.toFixed(0)} ms, ${idleMb.toFixed(0)} MB idle, ${connectedMb.toFixed(0)} MB with ${CONNECTIONS} mTLS connections`,
    );
}
