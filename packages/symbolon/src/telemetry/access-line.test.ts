import { describe, expect, test } from "bun:test";
import { createAccessLineWriter, hasOwnLine } from "./access-line.ts";
import type { ConnectionRecord } from "./connection-record.ts";
import { LineBuffer } from "./line-buffer.ts";
import type { RequestRecord } from "./request-record.ts";

const lines = createAccessLineWriter({ name: "web-1", namespace: "foo" });

const REQUEST: RequestRecord = {
  connection: 7,
  direction: "inbound",
  start: "2026-01-01T00:00:00.000Z",
  durationMs: 1.5,
  peerAddress: "10.0.0.9",
  originalDestination: "10.0.0.1:80",
  method: "GET",
  path: "/",
  protocol: "HTTP/1.1",
  status: 200,
  flags: [],
  security: "mtls",
  requestBytes: 0,
  responseBytes: 5,
};

const CONNECTION: ConnectionRecord = {
  id: 7,
  direction: "inbound",
  start: "2026-01-01T00:00:00.000Z",
  durationMs: 2,
  open: false,
  peerAddress: "10.0.0.9",
  originalDestination: "10.0.0.1:80",
  security: "mtls",
  bytesSent: 1,
  bytesReceived: 2,
};

function written(record: RequestRecord, writer = lines): string {
  const into = new LineBuffer();
  writer.request(into, record);
  return into.written.toString("latin1");
}

function writtenConnection(record: ConnectionRecord): string {
  const into = new LineBuffer();
  lines.connection(into, record);
  return into.written.toString("latin1");
}

describe("a line of access records", () => {
  test("is the record as JSON, with whose proxy wrote it", () => {
    expect(JSON.parse(written(REQUEST))).toEqual({ kind: "request", pod: "web-1", namespace: "foo", ...REQUEST });
    const { open: _open, ...facts } = CONNECTION;
    expect(JSON.parse(writtenConnection(CONNECTION))).toEqual({
      kind: "connection",
      pod: "web-1",
      namespace: "foo",
      ...facts,
    });
  });

  test("has every field that a record can have", () => {
    // A new field is asked for here by its type, and then missing in the line.
    const full: Required<RequestRecord> = {
      ...REQUEST,
      responseMs: 1.25,
      authority: "web.foo",
      requestId: "id",
      traceId: "trace",
      userAgent: "curl",
      flags: ["UF", "UC"],
      detail: "because",
      service: "web.foo:80",
      upstream: "10.0.0.2:80",
      localSpiffeId: "spiffe://a/b",
      peerSpiffeId: "spiffe://a/c",
      peerSerial: "01",
      tlsVersion: "TLSv1.3",
      authorization: { outcome: "denied", reason: "deny_rule_matched", dryRun: { allow: { result: "allowed" } } },
    };
    expect(JSON.parse(written(full))).toEqual({ kind: "request", pod: "web-1", namespace: "foo", ...full });
  });

  test("tells of each record by itself, also of those that differ in one thing", () => {
    const one = createAccessLineWriter({ name: "p", namespace: "n" });
    const first: RequestRecord = {
      ...REQUEST,
      direction: "outbound",
      upstream: "10.0.0.2:80",
      service: "s.n:80",
      peerSpiffeId: "spiffe://a/b",
      peerSerial: "01",
      tlsVersion: "TLSv1.3",
      localSpiffeId: "spiffe://a/me",
    };
    const changes: readonly Partial<RequestRecord>[] = [
      {},
      { connection: 8 },
      { direction: "inbound" },
      { protocol: "HTTP/1.0" },
      { peerAddress: "10.0.0.8" },
      { originalDestination: "10.0.0.1:81" },
      { localSpiffeId: "spiffe://a/other" },
      { upstream: "10.0.0.3:80" },
      { service: "t.n:80" },
      { security: "plaintext" },
      { peerSpiffeId: "spiffe://a/c" },
      { peerSerial: "02" },
      { tlsVersion: "TLSv1.2" },
      { authorization: { outcome: "allowed", reason: "allow_rule_matched" } },
      { authorization: { outcome: "denied", reason: "no_allow_rule_matched" } },
      {},
    ];
    for (const change of [...changes, ...changes.toReversed()]) {
      const record = { ...first, ...change };
      expect(JSON.parse(written(record, one))).toEqual({ kind: "request", pod: "p", namespace: "n", ...record });
    }
    const { peerSpiffeId: _id, peerSerial: _serial, tlsVersion: _version, ...plain } = first;
    expect(JSON.parse(written(plain, one))).toEqual({ kind: "request", pod: "p", namespace: "n", ...plain });
  });

  test("keeps no more of what connections have in common than it has to", () => {
    for (let connection = 0; connection < 10_000; connection++)
      expect(JSON.parse(written({ ...REQUEST, connection, upstream: `u${connection}` }))).toMatchObject({ connection });
  });

  test("tells of each request by itself, also of those that change what mostly recurs", () => {
    const one = createAccessLineWriter({ name: "p", namespace: "n" });
    const first: RequestRecord = { ...REQUEST, authority: "web.foo", userAgent: "curl" };
    const { authority: _authority, userAgent: _agent, ...bare } = first;
    const allowed = { outcome: "allowed", reason: "allow_rule_matched" } as const;
    const long = "a".repeat(2048);
    const records: readonly RequestRecord[] = [
      first,
      { ...first, method: "POST" },
      { ...first, authority: "other.foo" },
      { ...first, userAgent: "wget" },
      { ...first, userAgent: long },
      { ...first, authorization: allowed },
      { ...first, authorization: { ...allowed, policy: "ns[n]-policy[p]-rule[0]" } },
      bare,
      first,
    ];
    for (const record of records.flatMap((each) => [each, each]))
      expect(JSON.parse(written(record, one))).toEqual({ kind: "request", pod: "p", namespace: "n", ...record });
  });

  test("is not written of a connection whose requests were", () => {
    expect(hasOwnLine({ ...CONNECTION, protocol: "http", requests: 1 })).toBe(false);
    expect(hasOwnLine({ ...CONNECTION, protocol: "http" })).toBe(true);
    expect(hasOwnLine({ ...CONNECTION, protocol: "http", requests: 1, upgraded: true })).toBe(true);
    expect(hasOwnLine({ ...CONNECTION, protocol: "tcp", reason: "closed_early" })).toBe(true);
  });

  // CV-23: whatever a client sends, one record is one line, one object, and says what was sent.
  const forged = '\n{"kind":"request","decision":"allow","path":"/forged"}\n';
  const hostile: readonly (readonly [string, string])[] = [
    ["a line end and a whole record", forged],
    ["the same with CRLF", forged.replaceAll("\n", "\r\n")],
    ["quotes and a closing brace", '","status":200,"x":"'],
    ["a backslash at the end", "\\"],
    ["an escaped quote", '\\"'],
    ["every byte", Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join("")],
    ["separators that JavaScript takes for line ends", "\u2028\u2029"],
    ["next line, and the start of a terminal's commands", "\u0085\u009b31m\u001b[2J"],
    ["bytes that are no UTF-8", Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0xe2, 0x82]).toString("latin1")],
    ["a lone surrogate", "\ud800"],
    ["a name that JSON.parse could mistake", "__proto__"],
  ];
  test.each(hostile)("%s stays in its field", (_name, text) => {
    const record: RequestRecord = {
      ...REQUEST,
      path: text,
      method: text,
      authority: text,
      userAgent: text,
      requestId: text,
      detail: text,
      peerSpiffeId: text,
    };
    const connection = writtenConnection({ ...CONNECTION, detail: text, service: text });
    expect(connection).toMatch(/^[\x20-\x7e]+\n$/);
    expect(JSON.parse(connection)).toMatchObject({ detail: text, service: text, bytesReceived: 2 });
    const line = written(record);
    expect(line.endsWith("\n")).toBe(true);
    expect(line.indexOf("\n")).toBe(line.length - 1);
    expect(/^[\x20-\x7e]+\n$/.test(line)).toBe(true);
    expect(JSON.parse(line)).toEqual({ kind: "request", pod: "web-1", namespace: "foo", ...record });
  });

  test("has a bounded length: what is too long is cut, and shows it", () => {
    const longest = "x".repeat(2048);
    expect(JSON.parse(written({ ...REQUEST, path: longest }))).toMatchObject({ path: longest });
    const line = written({
      ...REQUEST,
      path: "p".repeat(2049),
      userAgent: "\u0001".repeat(60_000),
      authority: "a".repeat(60_000),
      method: "M".repeat(60_000),
      detail: "d".repeat(60_000),
    });
    expect(JSON.parse(line)).toMatchObject({ path: `${"p".repeat(2048)}...`, status: 200, responseBytes: 5 });
    expect(line.length).toBeLessThan(25_000);
  });
});
