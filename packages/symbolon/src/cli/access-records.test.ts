import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { accessRecordsFile, type MeshPaths, meshPaths } from "../core/index.ts";
import { LineReader, olderFile } from "./access-files.ts";
import { printAccessRecords } from "./print-access-records.ts";

let directory = "";
let paths: MeshPaths;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "symbolon-access-"));
  paths = meshPaths({ state: join(directory, "s"), runtime: "/r" });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function fileOf(pod: string): string {
  const file = accessRecordsFile(paths, "foo", pod);
  mkdirSync(dirname(file), { recursive: true });
  return file;
}

const record = (id: string, second: number, durationMs = 0) =>
  `${JSON.stringify({ id, start: new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString(), durationMs })}\n`;

async function printed(query: Parameters<typeof printAccessRecords>[1]): Promise<string> {
  let text = "";
  await printAccessRecords(paths, query, (part) => {
    text += part;
  });
  return [...text.matchAll(/"id":"(\w+)"/g)].map(([, id]) => id).join(" ");
}

describe("access records of several pods", () => {
  test("come in the order in which they ended, the older file of each before the newer", async () => {
    writeFileSync(olderFile(fileOf("a")), record("a1", 1) + record("a2", 4));
    writeFileSync(fileOf("a"), record("a3", 9));
    // Began first, and ended last.
    writeFileSync(fileOf("b"), record("b1", 3) + record("b2", 0, 8000) + record("b3", 20));
    expect(await printed({ follow: false })).toBe("a1 b1 a2 b2 a3 b3");
  });

  test("are those of the pods that are asked for", async () => {
    writeFileSync(fileOf("a"), record("a1", 1));
    writeFileSync(fileOf("b"), record("b1", 1));
    expect(await printed({ follow: false, pods: [{ namespace: "foo", name: "b" }] })).toBe("b1");
    expect(await printed({ follow: false, pods: [{ namespace: "foo", name: "none" }] })).toBe("");
  });

  test("are the last ones of each pod with --tail", async () => {
    writeFileSync(fileOf("a"), record("a1", 1) + record("a2", 2) + record("a3", 3));
    writeFileSync(fileOf("b"), record("b1", 1));
    expect(await printed({ follow: false, tail: 2 })).toBe("b1 a2 a3");
    expect(await printed({ follow: false, tail: 0 })).toBe("");
  });

  test("a line that is no record is shown, not a reason to stop", async () => {
    writeFileSync(fileOf("a"), `not json\n${record("a1", 1)}`);
    expect(await printed({ follow: false })).toBe("a1");
  });

  test("there are none before a pod has written any", async () => {
    expect(await printed({ follow: false })).toBe("");
  });
});

describe("a reader of lines", () => {
  test("waits for the end of a line, and reads nothing twice", () => {
    const file = fileOf("a");
    const reader = new LineReader(file);
    expect(reader.read()).toEqual([]);
    writeFileSync(file, "one\ntw");
    expect(reader.read()).toEqual(["one"]);
    expect(reader.read()).toEqual([]);
    appendFileSync(file, "o\nthree\n");
    expect(reader.read()).toEqual(["two", "three"]);
    reader.close();
  });

  test("reads a rotated file to its end, then the new one from its beginning", () => {
    const file = fileOf("a");
    writeFileSync(file, "one\n");
    const reader = new LineReader(file);
    expect(reader.read()).toEqual(["one"]);
    appendFileSync(file, "two\n");
    renameSync(file, olderFile(file));
    writeFileSync(file, "three\n");
    expect(reader.read()).toEqual(["two"]);
    expect(reader.read()).toEqual(["three"]);
    reader.close();
  });

  test("forgets the half line that a restarted proxy has removed", () => {
    const file = fileOf("a");
    writeFileSync(file, "one\nhal");
    const reader = new LineReader(file);
    expect(reader.read()).toEqual(["one"]);
    truncateSync(file, 4);
    expect(reader.read()).toEqual([]);
    appendFileSync(file, "next\n");
    expect(reader.read()).toEqual(["next"]);
    reader.close();
  });

  test("finds its place in a file of many chunks", () => {
    const file = fileOf("a");
    const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index} ${"x".repeat(40)}`);
    writeFileSync(file, `${lines.join("\n")}\n`);
    const reader = new LineReader(file);
    reader.skipTo(9000);
    const read: string[] = [];
    for (let some = reader.read(); some.length > 0; some = reader.read()) read.push(...some);
    expect(read).toEqual(lines.slice(-9000));
    reader.close();
  });
});
