import { describe, expect, test } from "bun:test";
import { createKeyPair } from "@symbolon/spiffe/x509";
import type { AuditEvent } from "../core/index.ts";
import {
  type AuditLogFiles,
  type AuditVerification,
  formatAuditHead,
  formatAuditLine,
  hashAuditLine,
  NO_LINE,
  segmentName,
  signAuditHead,
  verifyAuditLog,
} from "./index.ts";

const keys = createKeyPair("ed25519");
const otherKeys = createKeyPair("ed25519");
const NOW = new Date("2026-01-01T00:10:00Z");
const LINES_PER_FILE = 10;
const pemOf = ({ publicKey }: typeof keys) => Buffer.from(publicKey.export({ type: "spki", format: "pem" }));

const lines = chainOf(30, (n) => ({ kind: "request.deny", outcome: "refused", actor: `client-${n}`, subject: "svc" }));

function chainOf(count: number, eventOf: (n: number) => AuditEvent): string[] {
  const result: string[] = [];
  for (let prev = NO_LINE, n = 1; n <= count; n++) {
    const line = formatAuditLine(n, new Date(NOW.getTime() - 60_000), eventOf(n), prev);
    prev = hashAuditLine(line);
    result.push(line);
  }
  return result;
}

/** A log of these lines, cut into files as it was written, signed as it was written. */
function filesOf(changed: readonly string[], changes: Partial<AuditLogFiles> = {}): AuditLogFiles {
  const segments = Array.from({ length: Math.ceil(changed.length / LINES_PER_FILE) }, (_, index) => {
    const firstSeq = index * LINES_PER_FILE + 1;
    const content = changed.slice(firstSeq - 1, firstSeq - 1 + LINES_PER_FILE).map((line) => `${line}\n`);
    return segmentOf(firstSeq, content.join(""));
  });
  const head = { log: "control-plane", seq: 30, hash: hashAuditLine(lines[29] ?? ""), time: NOW.toISOString() };
  return {
    log: "control-plane",
    segments,
    head: Buffer.from(formatAuditHead(signAuditHead(head, keys))),
    publicKeyPem: pemOf(keys),
    ...changes,
  };
}

function segmentOf(firstSeq: number, content: string) {
  return {
    name: segmentName(firstSeq),
    firstSeq,
    // Small pieces, so that lines lie across their borders.
    async *read() {
      const bytes = Buffer.from(content);
      for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100);
    },
  };
}

const verify = (files: AuditLogFiles, options: Partial<Parameters<typeof verifyAuditLog>[1]> = {}) =>
  verifyAuditLog(files, { now: NOW, ...options });
const messages = ({ problems }: AuditVerification) => problems.map(({ place, message }) => `${place}: ${message}`);

describe("verification of an audit log", () => {
  test("accepts a log as it was written", async () => {
    const last = { seq: 30, hash: hashAuditLine(lines[29] ?? ""), time: "2026-01-01T00:09:00.000Z" };
    expect(await verify(filesOf(lines))).toMatchObject({ lines: 30, segments: 3, unsigned: 0, problems: [], last });
  });

  test("names the line behind an edited one", async () => {
    const edited = lines.map((line, index) => (index === 12 ? line.replace("refused", "success") : line));
    expect(messages(await verify(filesOf(edited)))).toEqual([
      `${segmentName(11)}:4: it continues another line than the one before it, which was changed, moved or removed`,
    ]);
  });

  test("finds an edited last line by the head", async () => {
    const edited = [...lines.slice(0, 29), (lines[29] ?? "").replace("refused", "success")];
    expect(messages(await verify(filesOf(edited)))).toEqual([
      `head.json: line 30 is not the one that was signed at ${NOW.toISOString()}`,
    ]);
  });

  test("finds a cut end by the head", async () => {
    expect(messages(await verify(filesOf(lines.slice(0, 20))))).toEqual([
      `head.json: line 30 was signed at ${NOW.toISOString()}, but the log ends with line 20: the end was cut off`,
    ]);
    expect(messages(await verify(filesOf([])))[0]).toContain("but the log is empty: the end was cut off");
  });

  test("finds a removed file and a removed beginning; a beginning that was moved away is accepted when said so", async () => {
    const { segments } = filesOf(lines);
    const without = (index: number) => filesOf(lines, { segments: segments.filter((_, each) => each !== index) });
    expect(messages(await verify(without(1))).join()).toContain("the file before it ends with 10");
    expect(messages(await verify(without(0))).join()).toContain("line 11 follows line 0");
    expect(messages(await verify(without(0), { partial: true }))).toEqual([]);
    expect(messages(await verify(without(1), { partial: true }))).not.toEqual([]);
  });

  test("finds a rewritten log with a head of another key, when the key is pinned", async () => {
    const rewritten = chainOf(30, () => ({ kind: "request.deny", outcome: "success", actor: "forger" }));
    const head = { log: "control-plane", seq: 30, hash: hashAuditLine(rewritten[29] ?? ""), time: NOW.toISOString() };
    const forged = Buffer.from(formatAuditHead(signAuditHead(head, otherKeys)));
    const files = filesOf(rewritten, { head: forged });
    expect(messages(await verify(files))[0]).toContain("its signature is not by key");
    const replaced = { ...files, publicKeyPem: pemOf(otherKeys) };
    expect(messages(await verify(replaced))).toEqual([]);
    expect(messages(await verify(replaced, { pinnedKey: keys.publicKey }))[0]).toContain("its signature is not by key");
  });

  test("finds a log that was set back to an older head by a line that was seen before", async () => {
    const old = { log: "control-plane", seq: 20, hash: hashAuditLine(lines[19] ?? ""), time: NOW.toISOString() };
    const files = filesOf(lines.slice(0, 20), { head: Buffer.from(formatAuditHead(signAuditHead(old, keys))) });
    expect(messages(await verify(files))).toEqual([]);
    const hash = hashAuditLine(lines[29] ?? "");
    expect(messages(await verify(files, { anchor: { seq: 30, hash } }))[0]).toContain("is not in the log any more");
    expect(messages(await verify(filesOf(lines), { anchor: { seq: 30, hash } }))).toEqual([]);
  });

  test("finds the head of another log, a missing head, a missing key and garbage in their places", async () => {
    const files = filesOf(lines);
    const first = async (changes: Partial<AuditLogFiles>) => messages(await verify({ ...files, ...changes }))[0];
    expect(await first({ log: "agent" })).toBe(
      'head.json: it is the head of log "control-plane", and this directory is "agent": a copy has to keep the name',
    );
    expect(await first({ head: undefined })).toContain("there is no signed head");
    expect(await first({ head: Buffer.from("null") })).toBe("head.json: it is not a signed head");
    expect(await first({ publicKeyPem: undefined })).toContain("there is no Ed25519 public key");
    expect(await first({ publicKeyPem: pemOf(createKeyPair("ec-p256")) })).toContain("there is no Ed25519 public key");
  });

  test("leaves a running process five seconds to sign, and not one more", async () => {
    const head = { log: "control-plane", seq: 28, hash: hashAuditLine(lines[27] ?? ""), time: NOW.toISOString() };
    const files = filesOf(lines, { head: Buffer.from(formatAuditHead(signAuditHead(head, keys))) });
    const written = NOW.getTime() - 60_000;
    const inTime = await verify(files, { now: new Date(written + 5000) });
    expect([inTime.unsigned, messages(inTime)]).toEqual([2, []]);
    expect(messages(await verify(files, { now: new Date(written + 5001) }))[0]).toContain(
      "the last 2 lines are not signed",
    );
  });

  test("finds each of 100 random tamperings", async () => {
    const random = generator(20261126);
    for (let round = 0; round < 100; round++) {
      const { what, changed } = tamper(lines, random);
      const { problems } = await verify(filesOf(changed));
      expect([what, problems.length > 0]).toEqual([what, true]);
    }
  });
});

/** mulberry32 */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** One change that somebody without the key could make. */
function tamper(original: readonly string[], random: (below: number) => number) {
  const changed = [...original];
  const at = random(changed.length);
  const line = changed[at] ?? "";
  const kind = ["flip", "cut", "remove", "swap", "repeat", "insert", "relink"][random(7)];
  switch (kind) {
    case "flip": {
      const byte = random(line.length);
      changed[at] = `${line.slice(0, byte)}${line[byte] === "x" ? "y" : "x"}${line.slice(byte + 1)}`;
      break;
    }
    case "cut":
      changed.length = at;
      break;
    case "remove":
      changed.splice(at, 1);
      break;
    case "swap": {
      const other = (at + 1 + random(changed.length - 1)) % changed.length;
      [changed[at], changed[other]] = [changed[other] ?? "", line];
      break;
    }
    case "repeat":
      changed.splice(at, 0, line);
      break;
    case "insert":
      changed.splice(at, 0, line.replace("client", "forger"));
      break;
    default: {
      // A patient forger computes every later link anew; only the signature stops him.
      let prev = at === 0 ? NO_LINE : hashAuditLine(changed[at - 1] ?? "");
      for (let each = at; each < changed.length; each++) {
        const parsed = JSON.parse(changed[each] ?? "");
        const relinked = JSON.stringify({ ...parsed, ...(each === at ? { actor: "forger" } : {}), prev });
        changed[each] = relinked;
        prev = hashAuditLine(relinked);
      }
    }
  }
  return { what: `${kind} line ${at + 1}`, changed };
}
