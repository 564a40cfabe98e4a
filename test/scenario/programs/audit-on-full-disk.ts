/**
 * An audit log on the disk that its argument names, driven by lines on standard input: `audit-on-full-disk.ts DIRECTORY
 * refuse|degrade`. Each line is an event's actor; the answer is a line too: "written ACTOR" or "refused CODE ACTOR".
 */
import { join } from "node:path";
import { createInterface } from "node:readline";
import { silentLog, systemClock } from "@symbolon/spiffe/core";
import { createKeyPair } from "@symbolon/spiffe/x509";
import { openAuditLog } from "../../../packages/symbolon/src/adapters/fs/index.ts";
import { createDegradingSink } from "../../../packages/symbolon/src/audit/index.ts";

const [directory, auditFull] = process.argv.slice(2);
if (directory === undefined) throw new Error("usage: audit-on-full-disk.ts DIRECTORY refuse|degrade");

const log = await openAuditLog({
  directory: join(directory, "control-plane"),
  keys: createKeyPair("ed25519"),
  clock: systemClock,
  log: silentLog,
});
const sink = auditFull === "degrade" ? createDegradingSink(log, { clock: systemClock, log: silentLog }) : log;

process.stdout.write("ready\n");
for await (const actor of createInterface({ input: process.stdin })) {
  const details = { filler: "x".repeat(1000) };
  const answer = await sink.write({ kind: "command.run", outcome: "success", actor, details }).then(
    () => `written ${actor}`,
    (error: { code?: unknown }) => `refused ${String(error.code)} ${actor}`,
  );
  process.stdout.write(`${answer}\n`);
}
await log.close();
