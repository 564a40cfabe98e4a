/** A process that writes an audit log is killed at random moments: nothing acknowledged is lost or doubled (RR-21). */
import { afterAll, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { silentLog, systemClock } from "@symbolon/spiffe/core";
import { openAuditLog, openSecretDirectory, readAuditLog } from "../../packages/symbolon/src/adapters/fs/index.ts";
import { queryAuditLog, verifyAuditLog } from "../../packages/symbolon/src/audit/index.ts";
import { loadOrCreateKey } from "../../packages/symbolon/src/ca/index.ts";

const PROGRAM = resolve(import.meta.dir, "programs/audit-writer.ts");
/** First moments of a log are moments too. */
const LOGS = 10;
const KILLS_A_LOG = 11;
const SEGMENT_BYTES = 4000;
const LATEST_KILL_MS = 40;

const root = mkdtempSync(join(tmpdir(), "symbolon-audit-crash-"));
const keyDirectory = join(root, "keys");
const seed = Number(process.env.AUDIT_CRASH_SEED ?? Date.now() % 2 ** 31);
const random = randomNumbers(seed);

afterAll(() => rmSync(root, { recursive: true }));

test("a log whose writer is killed 110 times verifies each time and has every acknowledged event once", async () => {
  console.log(`seed: AUDIT_CRASH_SEED=${seed}`);
  let acknowledged = 0;
  let unsignedEnds = 0;
  for (let log = 0; log < LOGS; log++) {
    const directory = join(root, `log-${log}`);
    const expected = new Set<string>();
    for (let run = 0; run < KILLS_A_LOG; run++) {
      for (const actor of await writeUntilKilled(directory, `run-${run}`, random() * LATEST_KILL_MS))
        expected.add(actor);
      unsignedEnds += await reopenAndCheck(directory, expected);
    }
    acknowledged += expected.size;
  }
  console.log(`${LOGS * KILLS_A_LOG} kills, ${acknowledged} acknowledged events, ${unsignedEnds} ends found unsigned`);
  // Else the kills came before anything was written, and the above says nothing.
  expect(acknowledged).toBeGreaterThan(LOGS * KILLS_A_LOG);
  expect(unsignedEnds).toBeGreaterThan(0);
}, 120_000);

/** @returns events that the writer said are on the disk */
async function writeUntilKilled(directory: string, run: string, afterMs: number): Promise<readonly string[]> {
  const args = [PROGRAM, directory, keyDirectory, run, String(SEGMENT_BYTES)];
  const writer = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  const opening = Promise.withResolvers<void>();
  writer.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    opening.resolve();
  });
  const ended = once(writer, "close");
  await Promise.race([opening.promise, ended]);
  await Bun.sleep(afterMs);
  writer.kill("SIGKILL");
  const [, signal] = await ended;
  expect(signal).toBe("SIGKILL");
  const [first, ...acknowledged] = output.split("\n").slice(0, -1);
  expect(first).toBe("opening");
  return acknowledged;
}

/** @returns whether the next start found lines that no head covered */
async function reopenAndCheck(directory: string, expected: ReadonlySet<string>): Promise<number> {
  const keys = await loadOrCreateKey(await openSecretDirectory(keyDirectory), {
    file: "audit.key",
    kind: "ed25519",
    fix: "remove it",
  });
  const audit = await openAuditLog({ directory, keys, clock: systemClock, log: silentLog });
  await audit.close();
  const verified = await verifyAuditLog(await readAuditLog(directory), { now: systemClock.now() });
  expect(verified).toMatchObject({ problems: [], unsigned: 0 });
  const found: string[] = [];
  let lastKind = "";
  await queryAuditLog(await readAuditLog(directory), {}, ({ kind, actor }) => {
    expect(kind).not.toBe("audit.damaged");
    lastKind = kind;
    if (kind === "mesh.start") found.push(actor);
  });
  const once = new Set(found);
  expect(found.length).toBe(once.size);
  expect([...expected].filter((actor) => !once.has(actor))).toEqual([]);
  return lastKind === "audit.resume" ? 1 : 0;
}

/** mulberry32: numbers in [0, 1). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
