import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Log, silentLog } from "@symbolon/spiffe/core";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { createRecordFile, type RecordFile, type RecordFileLimits } from "./record-file.ts";

let directory = "";
let file: RecordFile<string> | undefined;
afterEach(async () => {
  await file?.close();
  rmSync(directory, { recursive: true, force: true });
});

function start(limits: Partial<RecordFileLimits> = {}) {
  directory = mkdtempSync(join(tmpdir(), "symbolon-records-"));
  const path = join(directory, "below", "access.jsonl");
  const clock = createFakeClock();
  const errors: string[] = [];
  const log: Log = { ...silentLog, error: (message) => void errors.push(message) };
  const open = (where = path): RecordFile<string> => {
    file = createRecordFile({ path: where, format: (into, line) => into.raw(Buffer.from(line)), clock, log, limits });
    return file;
  };
  return { path, clock, errors, open, records: open() };
}

describe("a file of records", () => {
  test("lines of one moment are one write, and in order", async () => {
    const { path, clock, records } = start();
    for (const line of ["a\n", "b\n", "c\n"]) records.write(line);
    expect(existsSync(path)).toBe(false);
    await clock.advance(100);
    await records.flush();
    expect(readFileSync(path, "utf8")).toBe("a\nb\nc\n");
    expect([records.written, records.dropped]).toEqual([3, 0]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("a full batch does not wait for the clock", async () => {
    const { path, records } = start({ batchBytes: 4, formattedTogether: 1 });
    records.write("abc\n");
    await records.flush();
    expect(readFileSync(path, "utf8")).toBe("abc\n");
  });

  test("at its bound a file becomes the old one, and the old one goes", async () => {
    const { path, records } = start({ fileBytes: 8 });
    for (const line of ["one\n", "two\n", "3\n", "four\n"]) {
      records.write(line);
      await records.flush();
    }
    expect(readFileSync(path, "utf8")).toBe("3\nfour\n");
    expect(readFileSync(`${path}.1`, "utf8")).toBe("one\ntwo\n");
    records.write("five\n");
    await records.flush();
    expect(readFileSync(path, "utf8")).toBe("five\n");
    expect(readFileSync(`${path}.1`, "utf8")).toBe("3\nfour\n");
    expect(records.written).toBe(5);
  });

  test("half a line of a process that was killed is removed, and what follows is whole", async () => {
    const { path, open, records } = start();
    records.write("whole\n");
    await records.close();
    writeFileSync(path, "half", { flag: "a" });
    const next = open();
    next.write("next\n");
    await next.close();
    expect(readFileSync(path, "utf8")).toBe("whole\nnext\n");
  });

  test("more than may wait is dropped and counted; what waited is written", async () => {
    const { path, records } = start({ waitingBytes: 6, batchBytes: 100, formattedTogether: 1 });
    for (const line of ["aa\n", "bb\n", "cc\n"]) records.write(line);
    await records.flush();
    expect(readFileSync(path, "utf8")).toBe("aa\nbb\n");
    expect([records.written, records.dropped]).toEqual([2, 1]);
  });

  test("a file that cannot be written loses lines, counts them, says so once a minute, and recovers", async () => {
    const { path, clock, errors, records } = start();
    mkdirSync(path, { recursive: true });
    for (const line of ["a\n", "b\n"]) {
      records.write(line);
      await records.flush();
    }
    expect([records.written, records.dropped, errors.length]).toEqual([0, 2, 1]);
    await clock.advance(60_000);
    records.write("c\n");
    await records.flush();
    expect([records.dropped, errors.length]).toEqual([3, 2]);
    rmSync(path, { recursive: true });
    records.write("d\n");
    await records.flush();
    expect(readFileSync(path, "utf8")).toBe("d\n");
    expect([records.written, records.dropped]).toEqual([1, 3]);
  });

  test("on a full disk lines are counted as dropped", async () => {
    const { errors, open } = start();
    const records = open("/dev/full");
    records.write("a\n");
    await records.flush();
    expect([records.written, records.dropped, errors.length]).toEqual([0, 1, 1]);
  });

  test("after its end every line is counted as dropped", async () => {
    const { records } = start();
    await records.close();
    records.write("late\n");
    expect(records.dropped).toBe(1);
  });
});
