import { summarize } from "../statistics.ts";

/** One run of one pair. */
export interface Measurement {
  /** Round trips for each CPU second that both proxies used together. */
  readonly perCpuSecond: number;
  /** Round trips for each second of the clock: says how busy the machine was, compares nothing. */
  readonly perSecond: number;
  readonly megabytes: number;
}

export interface Comparison {
  readonly name: string;
  /** Ours and the peer's, run by run: `own[i]` was right before `peer[i]`. */
  readonly own: readonly Measurement[];
  readonly peer: readonly Measurement[];
}

/** Wanted of round trips for each CPU second, ours over theirs. */
const TARGETS: Readonly<Record<string, number>> = { nginx: 1, haproxy: 1, envoy: 1.2 };

export function printReport(report: {
  readonly results: readonly Comparison[];
  /** Our runs when there was nobody to compare with. */
  readonly own: readonly Measurement[];
  readonly what: string;
  readonly rounds: number;
  readonly seconds: number;
}): void {
  const { results } = report;
  const own = [...report.own, ...results.flatMap((comparison) => comparison.own)];
  console.log(
    `\nL4 mTLS pair, ${report.what}; ${report.rounds} rounds of ${report.seconds} s, ours and a peer in turn`,
  );
  console.log("pair      round trips per CPU second (lowest - highest)  per second   RSS of both");
  printPair("symbolon", own);
  for (const { name, peer } of results) printPair(name, peer);
  if (results.length > 0) console.log("\nours over theirs, per CPU second; median of the rounds' ratios");
  for (const comparison of results) {
    const { median, lowest, highest } = summarize(ratios(comparison));
    const target = TARGETS[comparison.name] ?? 1;
    const verdict = median >= target ? "reached" : "MISSED";
    console.log(
      `${comparison.name.padEnd(9)} ${median.toFixed(2)}x  (${lowest.toFixed(2)} - ${highest.toFixed(2)})  target ${target.toFixed(1)}x ${verdict}`,
    );
  }
}

function ratios({ own, peer }: Comparison): readonly number[] {
  return own.map(({ perCpuSecond }, index) => perCpuSecond / (peer[index]?.perCpuSecond ?? Number.NaN));
}

function printPair(name: string, runs: readonly Measurement[]): void {
  const cpu = summarize(runs.map(({ perCpuSecond }) => perCpuSecond));
  const clock = summarize(runs.map(({ perSecond }) => perSecond));
  const memory = summarize(runs.map(({ megabytes }) => megabytes));
  const spread = `(${cpu.lowest.toFixed(0)} - ${cpu.highest.toFixed(0)})`;
  console.log(
    `${name.padEnd(9)} ${cpu.median.toFixed(0).padStart(8)}  ${spread.padEnd(34)} ${clock.median.toFixed(0).padStart(10)}   ${memory.median.toFixed(0)} MB`,
  );
}
