import type { Comparison } from "./compare.ts";
import type { Summary } from "./statistics.ts";

export function printComparisons(comparisons: readonly Comparison[]): void {
  const rows = comparisons.map((comparison) => [
    comparison.case,
    comparison.peer,
    `${ratio(comparison.ratio.median)} (${ratio(comparison.ratio.lowest)} - ${ratio(comparison.ratio.highest)})`,
    `${comparison.target.toFixed(2)}x ${comparison.ratio.median >= comparison.target ? "reached" : "MISSED"}`,
    `${perCpu(comparison.ours)} / ${perCpu(comparison.theirs)} ${comparison.unit}`,
    `${comparison.megabytes.ours.toFixed(0)} / ${comparison.megabytes.theirs.toFixed(0)}`,
  ]);
  printTable(
    ["case", "peer", "ours over theirs, per CPU second", "target", "per CPU second, ours / theirs", "RSS MB"],
    rows,
  );
}

function printTable(heads: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of [heads, ...rows])
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
}

export function ratio(value: number): string {
  return `${value.toFixed(2)}x`;
}

function perCpu({ median }: Summary): string {
  return median >= 100 ? median.toFixed(0) : median.toFixed(2);
}
