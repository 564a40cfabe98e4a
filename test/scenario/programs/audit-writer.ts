/**
 * Writes audit events until it is killed: `audit-writer.ts DIRECTORY KEY_DIRECTORY RUN SEGMENT_BYTES`. Prints "opening"
 * before it opens the log, then the name of each event once its write has resolved.
 */
import { writeSync } from "node:fs";
import { silentLog, systemClock } from "@symbolon/spiffe/core";
import { openAuditLog, openSecretDirectory } from "../../../packages/symbolon/src/adapters/fs/index.ts";
import { loadOrCreateKey } from "../../../packages/symbolon/src/ca/index.ts";

const [directory, keyDirectory, run, segmentBytes] = process.argv.slice(2);
if (directory === undefined || keyDirectory === undefined || run === undefined)
  throw new Error("usage: audit-writer.ts DIRECTORY KEY_DIRECTORY RUN SEGMENT_BYTES");

/** Several writers, so that batches of more than one line are cut short too. */
const WRITERS = 5;

const keys = await loadOrCreateKey(await openSecretDirectory(keyDirectory), {
  file: "audit.key",
  kind: "ed25519",
  fix: "remove it",
});
writeSync(1, "opening\n");
const audit = await openAuditLog({
  directory,
  keys,
  clock: systemClock,
  log: silentLog,
  segmentBytes: Number(segmentBytes),
});

let count = 0;
async function writeForever(): Promise<never> {
  for (;;) {
    const actor = `${run}/${++count}`;
    await audit.write({ kind: "mesh.start", outcome: "success", actor, details: { filler: "x".repeat(count % 400) } });
    writeSync(1, `${actor}\n`);
  }
}
await Promise.all(Array.from({ length: WRITERS }, writeForever));
