import { describe, expect, test } from "bun:test";
import { reasonOfPeer } from "./denial-reason.ts";
import { ResponseParser } from "./http1/index.ts";

function reason(lines: string, { status = "403 Forbidden", isVerified = true } = {}): string {
  const parser = new ResponseParser();
  parser.requestMethod = "GET";
  parser.push(Buffer.from(`HTTP/1.1 ${status}\r\n${lines}Content-Length: 0\r\n\r\n`, "latin1"));
  expect(parser.next()).toBe("head");
  return reasonOfPeer(parser.head, isVerified);
}

describe("a reason that a server tells", () => {
  test("is passed on when a verified peer refuses with it", () => {
    expect(reason("x-SYMBOLON-reason: jwt_expired\r\n")).toBe("X-Symbolon-Reason: jwt_expired\r\n");
  });

  test("is nothing to a client that cannot tell who says it, and nothing in an answer that refuses nobody", () => {
    expect(reason("X-Symbolon-Reason: jwt_expired\r\n", { isVerified: false })).toBe("");
    expect(reason("X-Symbolon-Reason: jwt_expired\r\n", { status: "200 OK" })).toBe("");
  });

  test("is a code, and one alone", () => {
    for (const text of ["", "Two words", "a,b", "A", "1", `a${"b".repeat(64)}`])
      expect(reason(`X-Symbolon-Reason: ${text}\r\n`)).toBe("");
    expect(reason("X-Symbolon-Reason: a\r\nX-Symbolon-Reason: a\r\n")).toBe("");
    expect(reason("X-Symbolon-Other: a\r\n")).toBe("");
    expect(reason("")).toBe("");
  });
});
