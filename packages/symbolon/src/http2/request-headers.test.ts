import { describe, expect, test } from "bun:test";
import type { Header } from "./header-table.ts";
import { H2_ERROR, StreamError } from "./protocol.ts";
import { checkTrailers, readRequestHead } from "./request-headers.ts";

const HEAD: readonly Header[] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/a.B/C"],
  [":authority", "localhost"],
];
const withField = (name: string, value: string): readonly Header[] => [...HEAD, [name, value]];
const without = (name: string): readonly Header[] => HEAD.filter(([own]) => own !== name);

function refused(headers: readonly Header[]): boolean {
  try {
    readRequestHead(headers);
    return false;
  } catch (error) {
    if (error instanceof StreamError && error.code === H2_ERROR.protocolError) return true;
    throw error;
  }
}

test("a request is its method, its path and its fields in their order", () => {
  expect(readRequestHead([...HEAD, ["b", "1"], ["a", "2"], ["b", "3"]])).toEqual({
    method: "POST",
    path: "/a.B/C",
    headers: [
      ["b", "1"],
      ["a", "2"],
      ["b", "3"],
    ],
  });
});

describe("RFC 9113 §8.3.1", () => {
  test.each([":method", ":scheme", ":path"])("%s may not be left out, :authority may", (name) => {
    expect([refused(without(name)), refused(without(":authority"))]).toEqual([true, false]);
  });

  test.each([
    ["twice", [...HEAD, [":path", "/"]]],
    ["behind a field", [["a", "1"], ...HEAD]],
    ["of an answer", [...HEAD, [":status", "200"]]],
    ["that nobody knows", [...HEAD, [":protocol", "x"]]],
    ["that is empty", [...without(":path"), [":path", ""]]],
  ] as [string, Header[]][])("a pseudo-header %s is refused", (_what, headers) => {
    expect(refused(headers)).toBe(true);
  });

  test(":authority is not looked at: some clients send the path of the socket, or worse (W1)", () => {
    expect(refused([...without(":authority"), [":authority", "/run/agent.sock\0\n"]])).toBe(false);
  });
});

describe("RFC 9113 §8.2", () => {
  test.each(["A", "a b", "", "a:", "\u0080", "a\0"])("the name %j is refused", (name) => {
    expect(refused(withField(name, "x"))).toBe(true);
  });

  test.each(["a\0b", "a\r", "a\nb"])("the value %j is refused", (value) => {
    expect(refused(withField("a", value))).toBe(true);
  });

  test("spaces around a value are no part of it", () => {
    expect(readRequestHead(withField("authorization", " Bearer \t")).headers).toEqual([["authorization", "Bearer"]]);
  });

  test.each(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"])(
    "%s is of HTTP/1.1's connections",
    (name) => {
      expect(refused(withField(name, "x"))).toBe(true);
    },
  );

  test("te is for trailers alone", () => {
    expect([refused(withField("te", "trailers")), refused(withField("te", "gzip"))]).toEqual([false, true]);
  });

  test.each(["-1", "1, 1", "0x1", "1.0", "", "1".repeat(16)])("content-length %j is no number of octets", (length) => {
    expect([refused(withField("content-length", length)), refused(withField("content-length", "1"))]).toEqual([
      true,
      false,
    ]);
  });

  test("trailers have no pseudo-headers", () => {
    expect(() => checkTrailers([["a", "1"]])).not.toThrow();
    expect(() => checkTrailers([[":path", "/"]])).toThrow(StreamError);
  });
});
