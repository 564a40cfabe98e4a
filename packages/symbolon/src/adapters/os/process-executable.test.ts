import { afterEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createExecutableReader } from "./process-executable.ts";

const PROGRAM = `/proc/${process.pid}/exe`;
const HOUR_MS = 3_600_000;
let busy: ReturnType<typeof setInterval> | undefined;
afterEach(() => clearInterval(busy));

describe.skipIf(process.platform !== "linux")("the program of a process", () => {
  const { size, ctimeMs } = statSync(PROGRAM);

  test("its digest is that of its file; others are served while it is computed", async () => {
    const { sha256 } = createExecutableReader({ maxBytes: size, now: () => ctimeMs + HOUR_MS }).read(process.pid);
    let turns = 0;
    busy = setInterval(() => turns++, 0);
    const digest = await sha256();
    // The program of this test has some ten megabytes at least: one turn of the event loop for each piece, not for all.
    expect(turns).toBeGreaterThan(10);
    expect(digest).toBe(createHash("sha256").update(readFileSync(PROGRAM)).digest("hex"));
  });

  test("one byte above the limit there is none", async () => {
    const { sha256 } = createExecutableReader({ maxBytes: size - 1, now: () => ctimeMs + HOUR_MS }).read(process.pid);
    await expect(sha256()).rejects.toMatchObject({
      code: "ERR_WORKLOAD_ATTESTATION",
      message: expect.stringContaining(`the program has ${size} bytes, the limit is ${size - 1}`),
    });
  });

  test("it is read once for all who ask, then and later", async () => {
    const reader = createExecutableReader({ maxBytes: size, now: () => ctimeMs + HOUR_MS });
    const askers = () => [1, 2, 3].map(() => reader.read(process.pid).sha256());
    expect(await timesRead(() => Promise.all(askers()))).toBe(1);
    expect(await timesRead(() => Promise.all(askers()))).toBe(0);
  });

  test("what was changed a moment ago is read again later: it may change unseen within one tick of the file's time", async () => {
    for (const [ageMs, expected] of [
      [1999, 1],
      [2001, 0],
    ] as const) {
      const reader = createExecutableReader({ maxBytes: size, now: () => ctimeMs + ageMs });
      await reader.read(process.pid).sha256();
      expect(await timesRead(() => reader.read(process.pid).sha256())).toBe(expected);
    }
  });

  /** How often the program's size this process reads meanwhile, as the kernel counts. */
  async function timesRead(work: () => Promise<unknown>): Promise<number> {
    const before = bytesRead();
    await work();
    return Math.round((bytesRead() - before) / size);
  }

  function bytesRead(): number {
    return Number(/^rchar: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
  }
});
