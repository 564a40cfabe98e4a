import { join } from "node:path";
import { sleep, systemClock } from "@symbolon/spiffe/core";
import type { Command } from "commander";
import { readAuditLog, readChunks } from "../../../adapters/fs/index.ts";
import { type AuditLine, parseAuditLine, readLines } from "../../../audit/index.ts";
import { outputFormat } from "../../output.ts";
import { chosenLogs } from "./chosen-logs.ts";
import { eventRow, printEvents } from "./event-table.ts";
import { readCount } from "./query.ts";

const FOLLOW_MS = 200;

interface Flags {
  readonly lines: string;
  readonly follow?: boolean;
  readonly output?: string;
}

export function addTailCommand(audit: Command): void {
  audit
    .command("tail [directories...]")
    .description("Show the newest events, and with -f those to come.")
    .option("-n, --lines <lines>", "how many", "20")
    .option("-f, --follow", "go on until interrupted")
    .option("-o, --output <format>", "jsonl: one line each, as in the log")
    .addHelpText("after", "\nExamples:\n  symbolon audit tail\n  symbolon audit tail -n 100 -f -o jsonl")
    .action(async (named: readonly string[], flags: Flags, command: Command) => {
      const asJson = outputFormat(flags.output, ["jsonl"]) !== undefined;
      const count = readCount("--lines", flags.lines);
      const tails = (await chosenLogs(named, command)).map(createTail);
      const last = (await Promise.all(tails.map((tail) => tail.last(count)))).flat();
      const newest = last.sort((a, b) => (a.time < b.time ? -1 : 1)).slice(-count);
      if (asJson) for (const line of newest) console.log(JSON.stringify(line));
      else printEvents(newest);
      while (flags.follow) {
        await sleep(systemClock, FOLLOW_MS);
        for (const tail of tails)
          for (const line of await tail.next()) console.log(asJson ? JSON.stringify(line) : eventRow(line).join("   "));
      }
    });
}

/** Reads one log from its end, and then what is added, across its files. */
function createTail(directory: string) {
  let file: string | undefined;
  let offset = 0;

  const readFrom = async (name: string, from: number): Promise<{ lines: AuditLine[]; end: number }> => {
    const lines: AuditLine[] = [];
    let end = from;
    await readLines(readChunks(join(directory, name), from), (bytes) => {
      const line = parseAuditLine(bytes);
      if (line !== undefined) lines.push(line);
      end += bytes.length + 1;
    });
    return { lines, end };
  };

  return {
    async last(count: number): Promise<AuditLine[]> {
      let found: AuditLine[] = [];
      for (const { name } of [...(await readAuditLog(directory)).segments].reverse()) {
        const { lines, end } = await readFrom(name, 0);
        if (file === undefined) {
          file = name;
          offset = end;
        }
        found = [...lines, ...found].slice(-count);
        if (found.length >= count) break;
      }
      return found;
    },
    async next(): Promise<AuditLine[]> {
      const found: AuditLine[] = [];
      for (const { name } of (await readAuditLog(directory)).segments) {
        if (file !== undefined && name < file) continue;
        const { lines, end } = await readFrom(name, name === file ? offset : 0);
        found.push(...lines);
        file = name;
        offset = end;
      }
      return found;
    },
  };
}
