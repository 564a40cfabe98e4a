import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@symbolon/spiffe/core";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { createKeyPair } from "@symbolon/spiffe/x509";
import { symbolon } from "../../../../../../test/fakes/command-line.ts";
import { openAuditLog } from "../../../adapters/fs/index.ts";
import type { AuditEvent } from "../../../core/index.ts";

const root = mkdtempSync(join(tmpdir(), "symbolon-audit-cli-"));
const plane = join(root, "control-plane");
const agent = join(root, "agent");
const FILE = join(plane, "audit-000000000001.jsonl");

beforeAll(async () => {
  const clock = createFakeClock();
  const keys = createKeyPair("ed25519");
  const logs = await Promise.all(
    [plane, agent].map((directory) => openAuditLog({ directory, keys, clock, log: silentLog })),
  );
  for (let n = 0; n < 10; n++) {
    const event: AuditEvent =
      n % 2 === 0
        ? { kind: "certificate.issue", outcome: "success", actor: `client-${n}`, subject: "spiffe://a/b" }
        : { kind: "request.deny", outcome: "refused", actor: `evil\u001b[2J-${n}`, subject: "svc", code: "denied" };
    await logs[n % 2]?.write(event);
    await clock.advance(60_000);
  }
  for (const log of logs) await log.close();
});
afterAll(() => rmSync(root, { recursive: true }));

describe("audit verify", () => {
  test("says that logs are whole, with the last line to keep elsewhere", async () => {
    const { status, stdout, stderr } = await symbolon("audit", "verify", plane, agent);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^control-plane: whole, 5 lines in 1 file\n {2}last line 5:[0-9a-f]{64} of /);
    expect(stdout).toContain("agent: whole, 5 lines in 1 file");
  });

  test("ends with 1 and names the line when one was edited", async () => {
    const text = readFileSync(FILE, "utf8");
    writeFileSync(FILE, text.replace("client-4", "client-5"));
    const { status, stdout, stderr } = await symbolon("audit", "verify", plane);
    const { stdout: json } = await symbolon("audit", "verify", plane, "-o", "json");
    writeFileSync(FILE, text);
    expect(status).toBe(1);
    expect(stdout).toContain("control-plane: NOT WHOLE");
    expect(stderr).toStartWith("control-plane/audit-000000000001.jsonl:4: it continues another line");
    expect(JSON.parse(json).logs[0].problems[0].place).toBe("audit-000000000001.jsonl:4");
  });

  test("holds the log against a pinned key and a line that was seen before", async () => {
    const { stdout } = await symbolon("audit", "verify", plane);
    const [, line = ""] = /last line (\S+)/.exec(stdout) ?? [];
    const pinned = join(root, "pinned.pem");
    copyFileSync(join(plane, "public-key.pem"), pinned);
    expect((await symbolon("audit", "verify", "--key", pinned, "--contains", line, plane)).status).toBe(0);
    writeFileSync(pinned, createKeyPair("ed25519").publicKey.export({ type: "spki", format: "pem" }));
    expect((await symbolon("audit", "verify", "--key", pinned, plane)).status).toBe(1);
    expect((await symbolon("audit", "verify", "--contains", `4${line.slice(1)}`, plane)).status).toBe(1);
  });

  test("explains what it cannot use", async () => {
    const cases: readonly [number, string, string[]][] = [
      [65, `error: "${root}/nowhere" does not exist`, [`${root}/nowhere`]],
      [65, "cannot be read", ["--key", `${root}/nowhere`, plane]],
      [65, "no PEM file of an Ed25519 public key", ["--key", FILE, plane]],
      [64, "is not NUMBER:HASH", ["--contains", "5:abc", plane]],
      [64, "are of one log", ["--key", join(plane, "public-key.pem"), plane, agent]],
      [65, "has no audit log in", ["--name", "never-started"]],
    ];
    for (const [status, message, args] of cases) {
      const result = await symbolon("audit", "verify", ...args);
      expect([result.status, result.stderr]).toEqual([status, expect.stringContaining(message)]);
    }
  });
});

describe("audit query and tail", () => {
  test("query finds by kind, actor and time over all logs, oldest first", async () => {
    const actors = async (...args: string[]) => {
      const { stdout } = await symbolon("audit", "query", plane, agent, "-o", "json", ...args);
      return JSON.parse(stdout)
        .events.map(({ actor }: { actor: string }) => actor.at(-1))
        .join("");
    };
    expect(await actors()).toBe("0123456789");
    expect(await actors("--kind", "request")).toBe("13579");
    expect(await actors("--actor", "client-4")).toBe("4");
    expect(await actors("--since", "2026-01-01T00:03:00Z", "--until", "2026-01-01T00:06:00Z")).toBe("3456");
    expect(await actors("--code", "denied", "--subject", "svc", "--outcome", "refused")).toBe("13579");
  });

  test("query refuses what no event can be, and says what there is", async () => {
    for (const [option, value, message] of [
      ["--kind", "request.den", "no kind of event, and no beginning of one up to its dot; there are certificate.issue"],
      ["--outcome", "denied", "is not one of success, refused, failure, started"],
      ["--since", "5", "neither how long ago (90s, 15m, 24h or 7d) nor a time (2026-01-31T12:00:00Z)"],
      ["--until", "2026-13-01", "neither how long ago"],
    ] as const) {
      const { status, stdout, stderr } = await symbolon("audit", "query", plane, option, value);
      expect([status, stdout, stderr]).toEqual([64, "", expect.stringContaining(message)]);
    }
  });

  test("query says when there is none, and ends with 0", async () => {
    const none = await symbolon("audit", "query", plane, agent, "--actor", "nobody");
    expect(none).toEqual({ status: 0, stdout: "", stderr: "no event of these logs is like that\n" });
    const { stdout } = await symbolon("audit", "query", plane, agent, "--actor", "nobody", "-o", "json");
    expect(JSON.parse(stdout)).toEqual({ events: [] });
  });

  test("query says when there is more than it shows", async () => {
    const { stdout, stderr } = await symbolon("audit", "query", plane, agent, "--limit", "3");
    expect(stdout.trim().split("\n")).toHaveLength(4);
    expect(stderr).toContain("the newest 3 of 10 events");
  });

  test("a table shows control characters instead of obeying them", async () => {
    const { stdout } = await symbolon("audit", "tail", "-n", "1", agent);
    expect(stdout).toContain("evil\\u{1b}[2J-9");
    expect(stdout).not.toContain("\u001b");
  });

  test("tail shows the newest of all logs", async () => {
    const { stdout } = await symbolon("audit", "tail", "-n", "3", "-o", "jsonl", plane, agent);
    const actors = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).actor.at(-1));
    expect(actors).toEqual(["7", "8", "9"]);
  });

  test("a wrong time, limit or format is a usage error", async () => {
    for (const args of [
      ["--since", "soon"],
      ["--since", "2026-13-01"],
      ["--limit", "0"],
      ["-o", "xml"],
    ])
      expect((await symbolon("audit", "query", plane, ...args)).status).toBe(64);
  });
});
