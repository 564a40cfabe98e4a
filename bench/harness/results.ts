import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FOOTPRINT_TARGETS, type FootprintResult } from "../footprint/measure-footprint.ts";
import type { LatencyResult } from "../latency/measure-latency.ts";
import type { Comparison, Pace } from "./compare.ts";
import type { MachineFacts } from "./machine-facts.ts";
import { ratio } from "./report.ts";

export interface Results {
  readonly machine: MachineFacts;
  /** By product; one that is not named was not on the machine. */
  readonly versions: Readonly<Record<string, string>>;
  readonly pace: Pace;
  readonly comparisons: Comparison[];
  readonly latency: LatencyResult[];
  readonly footprint: FootprintResult[];
}

const FILE = join(import.meta.dir, "../results.json");
const PAGE = join(import.meta.dir, "../../docs/reference/performance.md");
const BEGIN = "<!-- begin: npm run bench -- --write -->\n";
const END = "<!-- end -->";

/** Replaces the file of results, and what stands between the marks of the page. */
export function writeResults(results: Results): void {
  writeFileSync(FILE, `${JSON.stringify(results, undefined, 2)}\n`);
  const page = readFileSync(PAGE, "utf8");
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END, from);
  if (from < 0 || to < 0) throw new Error(`${PAGE} has no lines "${BEGIN.trim()}" and "${END}"`);
  writeFileSync(PAGE, page.slice(0, from + BEGIN.length) + renderResults(results) + page.slice(to));
}

function renderResults({ machine, versions, pace, comparisons, latency, footprint }: Results): string {
  const products = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const machineLine = `${machine.date}; ${machine.cores} cores of ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.kernel}, ${machine.architecture}; AES-GCM on vectors: ${yes(machine.vectorAes)}; kernel TLS: ${yes(machine.kernelTls)}; load before the run ${machine.load.join(", ")}. ${products.join(", ")}. ${pace.rounds} rounds of ${pace.seconds} s.`;
  const rows = comparisons.map(({ case: name, unit, peer, target, ratio: of, ours, theirs, megabytes }) => [
    name,
    peer,
    `**${ratio(of.median)}**`,
    `${ratio(of.lowest)} - ${ratio(of.highest)}`,
    `${ratio(target)} ${of.median >= target ? "reached" : "**missed**"}`,
    `${count(ours.median)} / ${count(theirs.median)} ${unit}`,
    `${megabytes.ours.toFixed(0)} / ${megabytes.theirs.toFixed(0)}`,
  ]);
  const added = latency.map(({ name, p50, p99 }) => [name, ms(p50), ms(p99)]);
  const footprints = footprint.map(({ name, readyMs, idleMb, connectedMb }) => [
    name,
    `${readyMs.toFixed(0)} ms`,
    `${idleMb.toFixed(0)} MB`,
    `${connectedMb.toFixed(0)} MB`,
  ]);
  const { readyMs, idleMb, connectedMb } = FOOTPRINT_TARGETS;
  return `
${machineLine}

${table(["case", "peer", "ours over theirs", "lowest - highest", "target", "for each CPU second, ours / theirs", "RSS, MB"], rows)}

Added latency of a pair at 1,000 requests a second:

${table(["pair", "p50", "p99"], added)}

One inbound proxy; targets ${readyMs} ms, ${idleMb} MB, ${connectedMb} MB:

${table(["proxy", "ready after", "RSS idle", "RSS with 1,000 mTLS connections"], footprints)}

`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return [heads, heads.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function count(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

function ms(value: number): string {
  return `${value.toFixed(3)} ms`;
}

function yes(value: boolean): string {
  return value ? "yes" : "no";
}
