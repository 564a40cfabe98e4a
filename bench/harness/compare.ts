import type { Product, Traffic } from "../pairs/pair.ts";
import { type Load, type Measurement, measure, type Side } from "./measure.ts";
import { OURS, type Session } from "./session.ts";
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

/** A JIT needs long, and compiles on the same core; other work than before needs some of it anew. */
const JIT_SECONDS = { first: 10, further: 4 };
const OTHER_SECONDS = 1;

/** Ours and one peer in turn, and again; a pair whose answers are wrong has no figure. */
export async function compare(
  session: Session,
  wanted: Case,
  products: readonly Product[],
  { rounds, seconds }: Pace,
): Promise<readonly Comparison[]> {
  const { side, load } = wanted;
  const started = async (product: Product, traffic: Traffic) => {
    const pair = await session.pair(product, traffic);
    const run = (forSeconds: number) => measure(session, pair, side, { traffic, load, seconds: forSeconds });
    const warmUp = !product.compilesAsItRuns
      ? OTHER_SECONDS
      : pair.warmedUpSeconds === 0
        ? JIT_SECONDS.first
        : JIT_SECONDS.further;
    await run(warmUp);
    pair.warmedUpSeconds += warmUp;
    return run;
  };
  const runOurs = await started(OURS, wanted.ours);
  const peers = [];
  for (const product of products) {
    const peerCase = product.name === "baseline" ? { traffic: wanted.ours, target: 1 } : wanted.peers[product.name];
    if (!peerCase || !product.can(peerCase.traffic)) continue;
    const runPeer = await started(product, peerCase.traffic);
    peers.push({ product, target: peerCase.target, runPeer, own: [] as Measurement[], runs: [] as Measurement[] });
  }
  for (let round = 0; round < rounds; round++) {
    for (const { runPeer, own, runs } of peers) {
      own.push(await runOurs(seconds));
      runs.push(await runPeer(seconds));
    }
  }
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
