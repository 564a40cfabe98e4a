/**
 * RR-22, FI-23: the disk under an audit log is full, a small tmpfs in a mount namespace of the writer's own. With `refuse`
 * every event is refused; with `degrade` the writer goes on and its events follow behind a gap. When space returns, so
 * does the log, without a restart and whole.
 */
import { afterEach, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { systemClock } from "@symbolon/spiffe/core";
import { readAuditLog } from "../../packages/symbolon/src/adapters/fs/index.ts";
import { type AuditLine, queryAuditLog, verifyAuditLog } from "../../packages/symbolon/src/audit/index.ts";

const PROGRAM = resolve(import.meta.dir, "programs/audit-on-full-disk.ts");
const DISK_BYTES = 256 << 10;
const RECOVERY_MS = 10_000;

const running: ChildProcess[] = [];
const mountPoints: string[] = [];

afterEach(() => {
  for (const writer of running.splice(0)) writer.kill("SIGKILL");
  for (const mountPoint of mountPoints.splice(0)) rmSync(mountPoint, { recursive: true });
});

test("refuse: no event is taken while the disk is full; the next one is when it is not; the log is whole", async () => {
  const writer = await startWriter("refuse");
  expect(await writer.write("before")).toBe("written before");
  fillDisk(writer.disk);
  const answers = [];
  for (let n = 0; n < 20; n++) answers.push(await writer.write(`full-${n}`));
  // What was left of the last block may take a line or two.
  const refused = answers.filter((answer) => answer.startsWith("refused ERR_AUDIT_FULL"));
  expect(refused.length).toBeGreaterThanOrEqual(15);
  rmSync(join(writer.disk, "filler"));
  expect(await writer.write("after")).toBe("written after");
  const lines = await wholeLog(writer);
  const actors = lines.map(({ actor }) => actor);
  const written = answers.filter((answer) => answer.startsWith("written ")).map((answer) => answer.slice(8));
  expect(actors).toEqual(["before", ...written, "after"]);
}, 60_000);

test("degrade: every event is taken and follows in order behind a gap within 10 s of space; the log is whole", async () => {
  const writer = await startWriter("degrade");
  await writer.write("before");
  fillDisk(writer.disk);
  const during = Array.from({ length: 20 }, (_, n) => `full-${n}`);
  for (const actor of during) expect(await writer.write(actor)).toBe(`written ${actor}`);
  rmSync(join(writer.disk, "filler"));
  const freed = performance.now();
  while (!(await linesOf(writer)).some(({ actor }) => actor === "full-19")) {
    expect(performance.now() - freed).toBeLessThan(RECOVERY_MS);
    await Bun.sleep(100);
  }
  expect(await writer.write("after")).toBe("written after");
  const lines = await wholeLog(writer);
  expect(lines.map(({ actor }) => actor).filter((actor) => actor !== "symbolon")).toEqual([
    "before",
    ...during,
    "after",
  ]);
  const gaps = lines.filter(({ kind }) => kind === "audit.gap");
  expect(gaps[0]?.details).toMatchObject({ dropped: 0 });
  expect(Number(gaps[0]?.details?.kept)).toBeGreaterThanOrEqual(15);
}, 60_000);

type Writer = Awaited<ReturnType<typeof startWriter>>;

async function startWriter(auditFull: "refuse" | "degrade") {
  const mountPoint = mkdtempSync(join(tmpdir(), "symbolon-audit-full-"));
  mountPoints.push(mountPoint);
  const script = 'mount -t tmpfs -o mode=700,size="$1" tmpfs "$2" && exec "$3" "$4" "$2" "$5"';
  const args = ["-rm", "sh", "-c", script, "sh", DISK_BYTES, mountPoint, process.execPath, PROGRAM, auditFull];
  const child = spawn("unshare", args.map(String), { stdio: ["pipe", "pipe", "inherit"] });
  running.push(child);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await answers.next()).value).toBe("ready");
  return {
    child,
    /** The tmpfs, seen from outside its namespace. */
    disk: `/proc/${child.pid}/root${mountPoint}`,
    async write(actor: string): Promise<string> {
      child.stdin.write(`${actor}\n`);
      return String((await answers.next()).value);
    },
  };
}

function fillDisk(disk: string): void {
  const file = openSync(join(disk, "filler"), "w");
  try {
    for (;;) writeSync(file, Buffer.alloc(4096));
  } catch (error) {
    expect((error as { code?: string }).code).toBe("ENOSPC");
  } finally {
    closeSync(file);
  }
}

async function linesOf({ disk }: Writer): Promise<readonly AuditLine[]> {
  const lines: AuditLine[] = [];
  await queryAuditLog(await readAuditLog(join(disk, "control-plane")), {}, (line) => void lines.push(line));
  return lines;
}

/** Verified once the head, which is signed within a second, covers all. */
async function wholeLog(writer: Writer): Promise<readonly AuditLine[]> {
  for (const start = performance.now(); ; await Bun.sleep(100)) {
    const files = await readAuditLog(join(writer.disk, "control-plane"));
    const { problems, unsigned } = await verifyAuditLog(files, { now: systemClock.now() });
    expect(problems).toEqual([]);
    if (unsigned === 0) return linesOf(writer);
    expect(performance.now() - start).toBeLessThan(RECOVERY_MS);
  }
}
