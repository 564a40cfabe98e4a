import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@symbolon/spiffe/core";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { createKeyPair } from "@symbolon/spiffe/x509";
import { verifyAuditLog } from "../../audit/index.ts";
import type { AuditEvent } from "../../core/index.ts";
import { openAuditLog, readAuditLog } from "./index.ts";

let root: string;
let directory: string;
let clock: ReturnType<typeof createFakeClock>;
const keys = createKeyPair("ed25519");
const FIRST = "audit-000000000001.jsonl";
const event: AuditEvent = {
  kind: "certificate.issue",
  outcome: "success",
  actor: "a",
  details: { serialNumber: "01" },
};

const open = (options: { segmentBytes?: number } = {}) =>
  openAuditLog({ directory, keys, clock, log: silentLog, ...options });
const textOf = (name = FIRST) => readFileSync(join(directory, name), "utf8");
const linesOf = (name = FIRST) =>
  textOf(name)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
const headSeq = () => JSON.parse(textOf("head.json")).seq;
const verify = async () => verifyAuditLog(await readAuditLog(directory), { now: clock.now() });
const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  );

async function written(count: number, options: { segmentBytes?: number } = {}): Promise<void> {
  const audit = await open(options);
  for (let n = 0; n < count; n++) await audit.write({ ...event, actor: `actor-${n}` });
  await audit.close();
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "symbolon-audit-"));
  directory = join(root, "control-plane");
  clock = createFakeClock();
});

afterEach(() => rmSync(root, { recursive: true }));

describe("an audit log", () => {
  test("holds one JSON object a line, in order, each with the hash of the one before, readable by its owner alone", async () => {
    const audit = await open();
    await Promise.all(["a", "b", "c"].map((actor) => audit.write({ ...event, actor })));
    await audit.close();
    const lines = linesOf();
    expect(lines.map(({ seq, actor }) => [seq, actor])).toEqual([
      [1, "a"],
      [2, "b"],
      [3, "c"],
    ]);
    expect(lines[0]).toEqual({ seq: 1, time: "2026-01-01T00:00:00.000Z", ...event, prev: "0".repeat(64) });
    expect(statSync(join(directory, FIRST)).mode & 0o777).toBe(0o600);
    expect(await verify()).toMatchObject({ lines: 3, unsigned: 0, problems: [], notes: [] });
  });

  test("keeps a text with a line break on one line", async () => {
    const audit = await open();
    await audit.write({ ...event, actor: 'two\nlines "quoted"\u2028{"outcome":"success"}' });
    await audit.close();
    expect(textOf().match(/\n/g)).toHaveLength(1);
    expect(linesOf()[0].actor).toBe('two\nlines "quoted"\u2028{"outcome":"success"}');
  });

  test("goes on behind what an earlier process wrote", async () => {
    await written(2);
    await written(2);
    expect(linesOf().map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect(await verify()).toMatchObject({ lines: 4, problems: [], notes: [] });
  });

  test("signs the first line at once, those of the next second at its end", async () => {
    const audit = await open();
    await audit.write(event);
    await audit.write(event);
    await audit.write(event);
    expect(headSeq()).toBe(1);
    await clock.advance(999);
    expect(headSeq()).toBe(1);
    await clock.advance(1);
    while (headSeq() !== 3) await new Promise(setImmediate);
    await audit.close();
  });

  test("writes neither its key nor a head at a start that finds both", async () => {
    await written(3);
    const files = ["public-key.pem", "head.json"].map((name) => join(directory, name));
    const inodes = () => files.map((file) => statSync(file).ino);
    const before = inodes();
    await (await open()).close();
    expect(inodes()).toEqual(before);
  });

  test("has a head before its first line, and a crash right behind that line is no damage", async () => {
    const audit = await open();
    expect(headSeq()).toBe(0);
    expect(await verify()).toMatchObject({ lines: 0, problems: [] });
    const emptyHead = textOf("head.json");
    await audit.write(event);
    await audit.close();
    writeFileSync(join(directory, "head.json"), emptyHead);
    await written(1);
    expect(linesOf()[1]).toMatchObject({ kind: "audit.resume", details: { unsignedFrom: 1, unsignedTo: 1 } });
    expect(await verify()).toMatchObject({ lines: 3, unsigned: 0, problems: [] });
  });

  test("a log set back to its first head is damaged when its lines do not start at the first", async () => {
    const audit = await open();
    const emptyHead = textOf("head.json");
    for (let n = 0; n < 3; n++) await audit.write(event);
    await audit.close();
    writeFileSync(join(directory, "head.json"), emptyHead);
    writeFileSync(join(directory, FIRST), textOf().split("\n").slice(1).join("\n"));
    await written(1);
    expect(linesOf()[2]).toMatchObject({ kind: "audit.damaged" });
  });

  test("starts another file when one is full; the chain runs through", async () => {
    await written(20, { segmentBytes: 1000 });
    const names = readdirSync(directory).filter((name) => name.endsWith(".jsonl"));
    expect(names.length).toBeGreaterThan(3);
    for (const name of names) expect(linesOf(name)[0].seq).toBe(Number(name.slice(6, 18)));
    await written(1, { segmentBytes: 1000 });
    expect(await verify()).toMatchObject({ lines: 21, segments: names.length + 1, problems: [] });
  });

  test("removes a line that a crash cut short, at whatever byte", async () => {
    await written(1);
    const whole = textOf();
    const cut = '{"seq":2,"kind":"certificate.issue","actor":"';
    for (let length = 1; length <= cut.length; length++) {
      writeFileSync(join(directory, FIRST), whole + cut.slice(0, length));
      await (await open()).close();
      expect(textOf()).toBe(whole);
    }
  });

  test("says which lines a crash left unsigned, and signs them", async () => {
    await written(1);
    const head = textOf("head.json");
    await written(2);
    writeFileSync(join(directory, "head.json"), head);
    await written(1);
    expect(linesOf()[3]).toMatchObject({ kind: "audit.resume", details: { unsignedFrom: 2, unsignedTo: 3 } });
    const { problems, notes, unsigned } = await verify();
    expect([problems, unsigned]).toEqual([[], 0]);
    expect(notes[0]).toContain("audit.resume");
  });

  test("going on after a cut does not hide it", async () => {
    await written(5);
    const lines = textOf().split("\n");
    writeFileSync(join(directory, FIRST), `${lines.slice(0, 3).join("\n")}\n`);
    await written(5);
    expect(linesOf()[3]).toMatchObject({ kind: "audit.damaged", details: { lastLine: 3 } });
    const { problems } = await verify();
    expect(problems[0]?.message).toContain(
      "line 5 was signed at 2026-01-01T00:00:00.000Z, but the log ended with line 3",
    );
  });

  test("going on after an edit, a new key or a lost head does not hide it", async () => {
    const damages: readonly [string, () => void][] = [
      [
        "not there or not continued",
        () => writeFileSync(join(directory, FIRST), textOf().replace("actor-4", "actor-9")),
      ],
      ["there was no signed head", () => rmSync(join(directory, "head.json"))],
      ["unreadable", () => writeFileSync(join(directory, "head.json"), "{}")],
      [
        "of log",
        () => writeFileSync(join(directory, "head.json"), textOf("head.json").replace("control-plane", "agent")),
      ],
      [
        "another key",
        () => writeFileSync(join(directory, "head.json"), textOf("head.json").replace('"seq":5', '"seq":4')),
      ],
    ];
    for (const [found, damage] of damages) {
      rmSync(directory, { recursive: true, force: true });
      await written(5);
      damage();
      await written(1);
      const { problems } = await verify();
      expect(problems.map(({ message }) => message).join()).toContain(found);
    }
  });

  test("refuses an event when the disk is full, with the log as it was", async () => {
    mkdirSync(directory);
    symlinkSync("/dev/full", join(directory, FIRST));
    const audit = await open();
    const error = await failureOf(audit.write(event));
    expect(error?.code).toBe("ERR_AUDIT_FULL");
    expect(error?.message).toStartWith(`cannot write audit log "${join(directory, FIRST)}": ENOSPC`);
    await audit.close();
  });

  test("refuses an event after close, and closes twice", async () => {
    const audit = await open();
    await audit.close();
    await audit.close();
    expect((await failureOf(audit.write(event)))?.message).toBe(`audit log "${directory}" is closed`);
  });

  test("says which log cannot be opened", async () => {
    writeFileSync(directory, "");
    expect((await failureOf(open()))?.message).toStartWith(`cannot open audit log "${directory}": `);
  });
});
