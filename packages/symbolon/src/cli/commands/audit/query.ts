import { systemClock } from "@symbolon/spiffe/core";
import type { Command } from "commander";
import { readAuditLog } from "../../../adapters/fs/index.ts";
import { type AuditFilter, type AuditLine, queryAuditLog } from "../../../audit/index.ts";
import { AUDIT_KINDS, AUDIT_OUTCOMES } from "../../../core/index.ts";
import { DURATION, parseDuration } from "../../duration.ts";
import { CommandExit, EXIT } from "../../exit-status.ts";
import { outputFormat, printStructured } from "../../output.ts";
import { chosenLogs } from "./chosen-logs.ts";
import { printEvents } from "./event-table.ts";

interface Flags {
  readonly kind?: string;
  readonly outcome?: string;
  readonly code?: string;
  readonly actor?: string;
  readonly subject?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: string;
  readonly output?: string;
}

export function addQueryCommand(audit: Command): void {
  audit
    .command("query [directories...]")
    .description("Search audit logs, of a mesh that runs or of one that did.")
    .option("--kind <kind>", "kind of event, or its beginning: certificate, request.deny, configuration.change, ...")
    .option("--outcome <outcome>", "success, refused, failure or started")
    .option("--code <code>", "error or reason code")
    .option("--actor <text>", "who asked; a part of it is enough")
    .option("--subject <text>", "on what; a part of it is enough")
    .option("--since <time>", "not before: a time such as 2026-01-31T12:00:00Z, or how long ago, such as 90m")
    .option("--until <time>", "not after; the same")
    .option("--limit <lines>", "only so many, the newest", "1000")
    .option("-o, --output <format>", "json, yaml or jsonl (one line each, as in the log)")
    .addHelpText(
      "after",
      `
Examples:
  symbolon audit query --kind certificate --outcome refused
  symbolon audit query --kind configuration.change --since 24h
  symbolon audit query --subject ns/bar/sa/httpbin -o jsonl`,
    )
    .action(async (named: readonly string[], flags: Flags, command: Command) => {
      const format = outputFormat(flags.output, ["json", "yaml", "jsonl"]);
      const filter = readFilter(flags);
      const limit = readCount("--limit", flags.limit);
      const { newest, count } = await newestMatches(await chosenLogs(named, command), filter, limit);
      if (format === "jsonl") for (const line of newest) console.log(JSON.stringify(line));
      else if (format) printStructured(format, { events: newest });
      else if (count > 0) printEvents(newest);
      else console.error("no event of these logs is like that");
      if (count > newest.length)
        console.error(`the newest ${newest.length} of ${count} events; more with --limit, fewer with --since`);
    });
}

/** Lines of several logs, in the order of their times. */
async function newestMatches(logs: readonly string[], filter: AuditFilter, limit: number) {
  let newest: AuditLine[] = [];
  let count = 0;
  const trim = (): void => {
    newest = newest.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)).slice(-limit);
  };
  for (const log of logs)
    await queryAuditLog(await readAuditLog(log), filter, (line) => {
      count++;
      newest.push(line);
      // Sorting is rare: memory stays within twice what is asked for.
      if (newest.length >= 2 * limit) trim();
    });
  trim();
  return { newest, count };
}

function readFilter({ kind, outcome, code, actor, subject, since, until }: Flags): AuditFilter {
  if (kind !== undefined && !AUDIT_KINDS.some((known) => known === kind || known.startsWith(`${kind}.`)))
    throw new CommandExit(
      EXIT.usage,
      `error: --kind "${kind}" is no kind of event, and no beginning of one up to its dot; there are ${AUDIT_KINDS.join(", ")}`,
    );
  if (outcome !== undefined && !AUDIT_OUTCOMES.some((known) => known === outcome))
    throw new CommandExit(EXIT.usage, `error: --outcome "${outcome}" is not one of ${AUDIT_OUTCOMES.join(", ")}`);
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(code === undefined ? {} : { code }),
    ...(actor === undefined ? {} : { actor }),
    ...(subject === undefined ? {} : { subject }),
    ...(since === undefined ? {} : { since: readTime("--since", since) }),
    ...(until === undefined ? {} : { until: readTime("--until", until) }),
  };
}

function readTime(option: string, text: string): Date {
  if (DURATION.test(text)) return new Date(systemClock.now().getTime() - parseDuration(option, text) * 1000);
  const time = new Date(/^\d{4}-\d{2}-\d{2}/.test(text) ? text : Number.NaN);
  if (!Number.isNaN(time.getTime())) return time;
  throw new CommandExit(
    EXIT.usage,
    `error: ${option} "${text}" is neither how long ago (90s, 15m, 24h or 7d) nor a time (2026-01-31T12:00:00Z)`,
  );
}

export function readCount(option: string, text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text))
    throw new CommandExit(EXIT.usage, `error: ${option} "${text}" is not a number of lines from 1 to 9999999`);
  return Number(text);
}
