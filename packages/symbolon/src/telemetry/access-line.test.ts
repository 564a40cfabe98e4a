import { describe, expect, test } from "bun:test";
import { asciiLines, createAccessLineWriter } from "./access-line.ts";
import type { ConnectionRecord } from "./connection-record.ts";
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

const written = (record: RequestRecord) => asciiLines(lines.request(record));

describe("a line of access records", () => {
  test("is the record as JSON, with whose proxy wrote it", () => {
    expect(JSON.parse(written(REQUEST))).toEqual({ kind: "request", pod: "web-1", namespace: "foo", ...REQUEST });
    const { open: _open, ...facts } = CONNECTION;
    expect(JSON.parse(lines.connection(CONNECTION) ?? "")).toEqual({
      kind: "connection",
      pod: "web-1",
      namespace: "foo",
      ...facts,
    });
  });

  test("is not written of a connection whose requests were", () => {
    expect(lines.connection({ ...CONNECTION, protocol: "http", requests: 1 })).toBeUndefined();
    expect(lines.connection({ ...CONNECTION, protocol: "http" })).toBeString();
    expect(lines.connection({ ...CONNECTION, protocol: "http", requests: 1, upgraded: true })).toBeString();
    expect(lines.connection({ ...CONNECTION, protocol: "tcp", reason: "closed_early" })).toBeString();
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
