import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@symbolon/spiffe/core";
import { createFakeClock } from "@symbolon/spiffe/testing";
import type { AuditEvent } from "../../core/index.ts";
import { openAuditFile } from "./index.ts";

let root: string;
let path: string;
const clock = createFakeClock();
const event: AuditEvent = {
  kind: "certificate.issue",
  outcome: "success",
  actor: "a",
  details: { serialNumber: "01" },
};
const linesOf = () => readFileSync(path, "utf8").split("\n");
const open = () => openAuditFile({ path, clock, log: silentLog });

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "symbolon-audit-"));
  path = join(root, "audit.jsonl");
});

afterEach(() => rmSync(root, { recursive: true }));

describe("the audit file", () => {
  test("holds one JSON object a line, in order, readable by its owner alone", async () => {
    const audit = await open();
    await Promise.all(["a", "b", "c"].map((actor) => audit.write({ ...event, actor })));
    await audit.close();
    expect(linesOf()).toHaveLength(4);
    expect(
      linesOf()
        .slice(0, 3)
        .map((line) => JSON.parse(line).actor),
    ).toEqual(["a", "b", "c"]);
    expect(JSON.parse(linesOf()[0] ?? "")).toEqual({ time: "2026-01-01T00:00:00.000Z", ...event });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("keeps a text with a line break on one line", async () => {
    const audit = await open();
    await audit.write({ ...event, actor: 'two\nlines "quoted"' });
    await audit.close();
    expect(linesOf()).toHaveLength(2);
    expect(JSON.parse(linesOf()[0] ?? "").actor).toBe('two\nlines "quoted"');
  });

  test("goes on behind what an earlier process wrote", async () => {
    for (const _ of [1, 2]) {
      const audit = await open();
      await audit.write(event);
      await audit.close();
    }
    expect(
      linesOf()
        .slice(0, 2)
        .map((line) => JSON.parse(line).kind),
    ).toEqual([event.kind, event.kind]);
  });

  test("removes a line that a crash cut short, at whatever byte", async () => {
    const whole = '{"kind":"mesh.start"}\n';
    const cut = '{"kind":"certificate.issue","actor":"';
    for (let length = 1; length <= cut.length; length++) {
      writeFileSync(path, whole + cut.slice(0, length));
      const audit = await open();
      await audit.write(event);
      await audit.close();
      expect(
        linesOf()
          .slice(0, 2)
          .map((line) => JSON.parse(line).kind),
      ).toEqual(["mesh.start", event.kind]);
    }
  });

  test("removes a cut line that is longer than one block, and the only line of a file", async () => {
    writeFileSync(path, "x".repeat(200_000));
    const audit = await open();
    await audit.write(event);
    await audit.close();
    expect(linesOf()).toHaveLength(2);
  });

  test("refuses an event when the disk is full", async () => {
    symlinkSync("/dev/full", path);
    const audit = await open();
    const error = await audit.write(event).then(
      () => undefined,
      (e) => e,
    );
    expect(error?.code).toBe("ERR_AUDIT_FULL");
    expect(error?.message).toStartWith(`cannot write audit log "${path}": ENOSPC`);
    await audit.close();
  });

  test("refuses an event after close, and closes twice", async () => {
    const audit = await open();
    await audit.close();
    await audit.close();
    expect(audit.write(event)).rejects.toThrow(`audit log "${path}" is closed`);
  });

  test("says which file cannot be opened", async () => {
    path = join(root, "missing", "audit.jsonl");
    expect(open()).rejects.toThrow(`cannot open audit log "${path}": ENOENT`);
  });
});
