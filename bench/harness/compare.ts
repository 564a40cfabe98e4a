import type { Product, Traffic } from "../pairs/pair.ts";
import { type Load, type Measurement, measure, type Side } from "./measure.ts";
import { OURS, type Session, type StartedPair } from "./session.ts";
import { type Summary, summarize } from "./statistics.ts";

/** What one line of a table is about. */
export interface Case {
  /** Of the line in all reports. */
  readonly name: string;
  /** What is counted. */
  readonly unit: string;
  readonly side: Side;
  readonly load: Load;
  /** What ours does, and what each peer does; peers that are not named are left out. */
  readonly ours: Traffic;
  readonly peers: Readonly<Record<string, PeerCase>>;
}

export interface PeerCase {
  readonly traffic: Traffic;
  /** Wanted of units for each CPU second, ours over theirs. */
  readonly target: number;
}

export interface Comparison {
  readonly case: string;
  readonly unit: string;
  readonly peer: string;
  readonly target: number;
  /** Of neighbouring runs. */
  readonly ratio: Summary;
  readonly ours: Summary;
  readonly theirs: Summary;
  readonly megabytes: { readonly ours: number; readonly theirs: number };
}

export interface Pace {
  readonly rounds: number;
  readonly seconds: number;
}

/** The JIT needs longer than the peers, which need nothing. */
const WARM_UP_SECONDS = 3;

/** Ours and one peer in turn, and again; a pair whose answers are wrong has no figure. */
export async function compare(
  session: Session,
  wanted: Case,
  products: readonly Product[],
  { rounds, seconds }: Pace,
): Promise<readonly Comparison[]> {
  const run = (pair: StartedPair, traffic: Traffic, forSeconds: number) =>
    measure(session, pair, wanted.side, { traffic, load: wanted.load, seconds: forSeconds });
  const ours = await session.start(OURS, wanted.ours);
  await run(ours, wanted.ours, WARM_UP_SECONDS);
  const peers = [];
  for (const product of products) {
    const peerCase = product.name === "baseline" ? { traffic: wanted.ours, target: 1 } : wanted.peers[product.name];
    if (!peerCase || !product.can(peerCase.traffic)) continue;
    const pair = await session.start(product, peerCase.traffic);
    await run(pair, peerCase.traffic, 1);
    peers.push({ product, pair, ...peerCase, own: [] as Measurement[], runs: [] as Measurement[] });
  }
  for (let round = 0; round < rounds; round++) {
    for (const peer of peers) {
      peer.own.push(await run(ours, wanted.ours, seconds));
      peer.runs.push(await run(peer.pair, peer.traffic, seconds));
    }
  }
  if (peers.length === 0) {
    const alone = [];
    for (let round = 0; round < rounds; round++) alone.push(await run(ours, wanted.ours, seconds));
    console.log(
      `${wanted.name}: ours alone ${summarize(alone.map(({ perCpuSecond }) => perCpuSecond)).median.toFixed(0)} ${wanted.unit} per CPU second`,
    );
  }
  await ours.stop();
  for (const { pair } of peers) await pair.stop();
  return peers.map(({ product, target, own, runs }) => {
    const perCpu = (of: readonly Measurement[]) => of.map(({ perCpuSecond }) => perCpuSecond);
    const memory = (of: readonly Measurement[]) => summarize(of.map(({ megabytes }) => megabytes)).median;
    return {
      case: wanted.name,
      unit: wanted.unit,
      peer: product.name,
      target,
      ratio: summarize(own.map((run, index) => run.perCpuSecond / (runs[index]?.perCpuSecond ?? Number.NaN))),
      ours: summarize(perCpu(own)),
      theirs: summarize(perCpu(runs)),
      megabytes: { ours: memory(own), theirs: memory(runs) },
    };
  });
}
