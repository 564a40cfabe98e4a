import { describe, expect, test } from "bun:test";
import { detectHttp } from "./index.ts";

const detect = (text: string) => detectHttp(Buffer.from(text, "latin1"));

describe("protocol of the first bytes", () => {
  test.each([
    "GET / HTTP/1.1\r\n",
    "GET /",
    "POST /a?b",
    "OPTIONS * HTTP/1.1\r\n",
    "GET http://a.example/ HTTP/1.1\r\n",
    // Not requests for us, but for some lenient server: the strict parser has to see them.
    "get / HTTP/1.1\r\n",
    "FROB / HTTP/1.1\r\n",
    "GET\t/ HTTP/1.1\r\n",
    "\r\nGET / HTTP/1.1\r\n",
    "\nGET / HTTP/1.1\n",
    "GET x HTTP/9.9\n",
    "GET / http/1.1\r\n",
    "GET /\r\n",
  ])("%p is HTTP/1", (text) => expect(detect(text)).toBe("http1"));

  test("HTTP/2's preface", () => {
    expect(detect("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")).toBe("http2");
    expect(detect("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12\x04")).toBe("http2");
    for (const part of ["P", "PRI", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r"]) expect(detect(part)).toBe("incomplete");
  });

  test.each([
    "\x16\x03\x01\x02\x00\x01",
    "\0\0\0\x08\x04\xd2\x16\x2f",
    "*1\r\n$4\r\nPING\r\n",
    "PING\r\n",
    "EHLO a.example\r\n",
    "SSH-2.0-OpenSSH_9.2\r\n",
    "get key\r\n",
    "\x10\x1f\0\x04MQTT",
    "USER a\r\n",
    "SELECT 1;\n",
    "GET key\r\n",
    " GET / HTTP/1.1\r\n",
  ])("%p is something else", (text) => expect(detect(text)).toBe("other"));

  test.each(["", "G", "GET", "GET ", "PUT", "get /x", "hello there", "\r\n"])("%p is not enough", (text) =>
    expect(detect(text)).toBe("incomplete"),
  );

  test("a line is waited for, but not for ever", () => {
    expect(detect(`x ${"a".repeat(8 * 1024)}`)).toBe("incomplete");
    expect(detect(`x ${"a".repeat(16 * 1024)}`)).toBe("other");
    expect(detect("a".repeat(100))).toBe("other");
  });
});
