import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { systemClock } from "@symbolon/spiffe/core";
import type { Command } from "commander";
import { readAuditLog } from "../../../adapters/fs/index.ts";
import {
  type AuditVerification,
  parseAuditKey,
  type VerifyAuditOptions,
  verifyAuditLog,
} from "../../../audit/index.ts";
import { CommandExit, EXIT } from "../../exit-status.ts";
import { outputFormat, printStructured } from "../../output.ts";
import { chosenLogs } from "./chosen-logs.ts";

interface Flags {
  readonly key?: string;
  readonly contains?: string;
  readonly partial?: boolean;
  readonly output?: string;
}

export function addVerifyCommand(audit: Command): void {
  audit
    .command("verify [directories...]")
    .description("Check every line, link and signature of audit logs; ends with 1 when one is wrong.")
    .option("--key <file>", "public key (PEM) that must have signed, kept elsewhere than the log")
    .option("--contains <seq:hash>", "a line that an earlier verification printed and that must still be there")
    .option("--partial", "the oldest files were moved away on purpose")
    .option("-o, --output <format>", "json or yaml")
    .addHelpText(
      "after",
      `
Without --key the key that lies beside the log is used: enough against accidents and partial edits, not against
somebody who replaced log, head and key together. Keep a copy of public-key.pem, and the last line's number and hash,
somewhere else.

Examples:
  symbolon audit verify
  symbolon audit verify --key /safe/place/control-plane.pem --contains 1200:9f2c...e1 DIRECTORY
  symbolon audit verify -o json`,
    )
    .action(async (named: readonly string[], flags: Flags, command: Command) => {
      const format = outputFormat(flags.output, ["json", "yaml"]);
      const logs = await chosenLogs(named, command);
      const options = verifyOptions(flags);
      if (logs.length > 1 && (options.pinnedKey !== undefined || options.anchor !== undefined))
        throw new CommandExit(
          EXIT.usage,
          `error: --key and --contains are of one log; name its directory: ${logs.map((log) => basename(log)).join(", ")}`,
        );
      const results: AuditVerification[] = [];
      for (const log of logs) results.push(await verifyAuditLog(await readAuditLog(log), options));
      if (format) printStructured(format, { logs: results });
      else results.forEach(printResult);
      if (results.some(({ problems }) => problems.length > 0)) process.exitCode = EXIT.failed;
    });
}

function verifyOptions({ key, contains, partial }: Flags): VerifyAuditOptions {
  const anchor = contains === undefined ? undefined : /^(\d{1,15}):([0-9a-f]{64})$/.exec(contains);
  if (anchor === null)
    throw new CommandExit(EXIT.usage, `error: --contains "${contains}" is not NUMBER:HASH, with 64 hex digits`);
  const [, seq, hash = ""] = anchor ?? [];
  return {
    now: systemClock.now(),
    ...(key === undefined ? {} : { pinnedKey: readKey(key) }),
    ...(anchor === undefined ? {} : { anchor: { seq: Number(seq), hash } }),
    partial: partial === true,
  };
}

function readKey(path: string) {
  let pem: Buffer;
  try {
    pem = readFileSync(path);
  } catch {
    throw new CommandExit(EXIT.badInput, `error: --key "${path}" cannot be read`);
  }
  const key = parseAuditKey(pem);
  if (key === undefined)
    throw new CommandExit(EXIT.badInput, `error: --key "${path}" is no PEM file of an Ed25519 public key`);
  return key;
}

function printResult({ log, lines, segments, last, keyId, unsigned, problems, notes }: AuditVerification): void {
  const files = segments === 1 ? "1 file" : `${segments} files`;
  console.log(`${log}: ${problems.length === 0 ? "whole" : "NOT WHOLE"}, ${lines} lines in ${files}`);
  if (last) console.log(`  last line ${last.seq}:${last.hash} of ${last.time}`);
  if (keyId) console.log(`  signed by key ${keyId}${unsigned > 0 ? `; ${unsigned} newest lines not signed yet` : ""}`);
  for (const note of notes) console.log(`  note: ${note}`);
  for (const { place, message } of problems) console.error(`${log}/${place}: ${message}`);
}
