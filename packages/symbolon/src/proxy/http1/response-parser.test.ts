import { describe, expect, test } from "bun:test";
import { readResponses, type Transcript } from "../../../../../test/fakes/http1-transcript.ts";

const read = (text: string, method = "GET"): Transcript => readResponses([Buffer.from(text, "latin1")], method);
const framing = (text: string, method = "GET") => {
  const { messages, unfinished } = read(text, method);
  const [message = unfinished] = messages;
  return message && [message.framing, message.flags, message.body];
};

describe("framing of responses (RFC 9112 §6.3)", () => {
  test("HEAD, 1xx, 204 and 304 have no content, whatever they say", () => {
    expect(framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD")).toEqual(["none", "keep-alive", ""]);
    expect(framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD")).toEqual([
      "none",
      "keep-alive",
      "",
    ]);
    expect(framing("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n")).toEqual(["none", "keep-alive", ""]);
    expect(framing("HTTP/1.1 204 No Content\r\n\r\n")).toEqual(["none", "keep-alive", ""]);
    expect(framing("HTTP/1.1 100 Continue\r\n\r\n")).toEqual(["none", "keep-alive", ""]);
  });

  test("a connection on which content may follow where there is none is not used again", () => {
    expect(framing("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n")).toEqual(["none", "close", ""]);
    expect(framing("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n")).toEqual(["none", "close", ""]);
    expect(framing("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")).toEqual(["none", "keep-alive", ""]);
  });

  test("length, chunks, and until the connection ends", () => {
    expect(framing("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")).toEqual(["length 3", "keep-alive", "abc"]);
    expect(framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")).toEqual([
      "chunked",
      "keep-alive",
      "abc",
    ]);
    expect(framing("HTTP/1.1 200 OK\r\n\r\nabc\r\n\r\n")).toEqual(["until-close", "close", "abc\r\n\r\n"]);
    expect(framing("HTTP/1.0 200 OK\r\n\r\nabc")).toEqual(["until-close", "close", "abc"]);
  });

  test("HTTP/1.0 lives on only where it says so", () => {
    expect(framing("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na")).toEqual(["length 1", "close", "a"]);
    expect(framing("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na")).toEqual([
      "length 1",
      "keep-alive",
      "a",
    ]);
    expect(framing("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na")).toEqual([
      "length 1",
      "close",
      "a",
    ]);
  });

  test("an interim answer and a final one", () => {
    const { messages } = read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    expect(messages.map(({ start, body }) => [start, body])).toEqual([
      ["100", ""],
      ["200", "a"],
    ]);
  });

  test("101 and a CONNECT that is accepted leave HTTP with the next byte", () => {
    expect(
      read("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi").tunnel,
    ).toBe("\x81\x02hi");
    expect(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nraw", "CONNECT").tunnel).toBe("raw");
  });
});

describe("responses that are refused", () => {
  test.each([
    [
      "both lengths",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
      "length_and_encoding",
    ],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "content_length_repeated"],
    ["another coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "transfer_encoding_invalid"],
    ["chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "transfer_encoding_http10"],
    ["two digits", "HTTP/1.1 20 OK\r\n\r\n", "status_line_invalid"],
    ["four digits", "HTTP/1.1 2000 OK\r\n\r\n", "status_line_invalid"],
    ["below 100", "HTTP/1.1 099 OK\r\n\r\n", "status_line_invalid"],
    ["a control character in the reason", "HTTP/1.1 200 O\x01K\r\n\r\n", "status_line_invalid"],
    ["LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "bare_lf"],
    ["HTTP/2", "HTTP/2 200\r\n\r\n", "version_invalid"],
    ["an empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", "too_many_empty_lines"],
    ["garbage", "SSH-2.0-OpenSSH_9.2\r\n", "version_invalid"],
    ["content cut off", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "truncated"],
    ["chunks cut off", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", "truncated"],
    ["head cut off", "HTTP/1.1 200 OK\r\nContent-Le", "truncated"],
  ])("%s", (_what, text, code) => {
    expect(read(text).error as string | undefined).toBe(code);
  });

  test("nearest things that are fine: no reason, no space before it", () => {
    expect(read("HTTP/1.1 204 \r\n\r\n").messages.length).toBe(1);
    expect(read("HTTP/1.1 204\r\n\r\n").messages.length).toBe(1);
    expect(read("HTTP/1.1 999 Request denied\r\nContent-Length: 0\r\n\r\n").messages[0]?.start).toBe("999");
  });
});
