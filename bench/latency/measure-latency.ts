import { targetOf } from "../harness/measure.ts";
import type { Session } from "../harness/session.ts";
import { OURS } from "../harness/session.ts";
import { summarize } from "../harness/statistics.ts";
import { HTTP_WITH_EVERYTHING } from "../harness/traffic.ts";
import type { Product } from "../pairs/pair.ts";

/** What a pair adds to a request, in milliseconds, far below what it could carry. */
export interface LatencyResult {
  readonly name: string;
  readonly p50: number;
  readonly p99: number;
  /** Without any proxy, in the same rounds. */
  readonly direct: { readonly p50: number; readonly p99: number };
}

const PER_SECOND = 1000;
const CONNECTIONS = 16;
const EXCHANGE = { upload: 0, download: 1024 };
const BACKEND_ADDRESS = "127.77.0.1";

/** Istio's point of measurement: 1,000 requests a second over 16 connections; without proxy, ours, Envoy, and again. */
export async function measureLatency(
  session: Session,
  envoy: Product | undefined,
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): Promise<readonly LatencyResult[]> {
  const products = envoy ? [OURS, envoy] : [OURS];
  const ways = [{ name: "direct", target: { address: BACKEND_ADDRESS } }];
  for (const product of products) {
    const pair = await session.pair(product, HTTP_WITH_EVERYTHING);
    ways.push({ name: product.name, target: targetOf(session, pair, "pair", HTTP_WITH_EVERYTHING) });
  }
  const runs = new Map(ways.map(({ name }) => [name, [] as { readonly p50: number; readonly p99: number }[]]));
  for (let round = 0; round <= rounds; round++) {
    for (const { name, target } of ways) {
      await session.load.send({ kind: "connect", target, connections: CONNECTIONS, exchange: EXCHANGE });
      const { latency } = await session.load.send({ kind: "pace", seconds, perSecond: PER_SECOND });
      await session.load.send({ kind: "close" });
      // The first round warms up.
      if (latency && round > 0) runs.get(name)?.push(latency);
    }
  }
  const median = (name: string, of: "p50" | "p99"): number =>
    summarize((runs.get(name) ?? []).map((run) => run[of])).median;
  const direct = { p50: median("direct", "p50"), p99: median("direct", "p99") };
  return products.map(({ name }) => ({
    name,
    p50: median(name, "p50") - direct.p50,
    p99: median(name, "p99") - direct.p99,
    direct,
  }));
}

export function printLatency(results: readonly LatencyResult[]): void {
  for (const { name, p50, p99, direct } of results)
    console.log(
      `added latency of ${name}'s pair: p50 ${p50.toFixed(3)} ms, p99 ${p99.toFixed(3)} ms (without proxy ${direct.p50.toFixed(3)} and ${direct.p99.toFixed(3)} ms)`,
    );
}
