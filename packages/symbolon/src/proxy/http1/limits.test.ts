import { describe, expect, test } from "bun:test";
import { readRequests, readResponses, type Transcript } from "../../../../../test/fakes/http1-transcript.ts";
import { HTTP1_LIMITS, type Http1Limits } from "./index.ts";

const HOST = "Host: a.example\r\n";
const bytes = (text: string): readonly Buffer[] => [Buffer.from(text, "latin1")];
const get = (fields: string, target = "/"): Transcript =>
  readRequests(bytes(`GET ${target} HTTP/1.1\r\n${fields}\r\n`));
const chunked = (rest: string, limits?: Http1Limits): Transcript =>
  readRequests(bytes(`POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${rest}`), limits ? { limits } : {});

/** A field line of exactly so many bytes. */
function line(length: number, name = "X"): string {
  return `${name}: ${"v".repeat(length - name.length - 4)}\r\n`;
}

interface Row {
  readonly limit: keyof Http1Limits;
  readonly at: () => Transcript;
  readonly above: () => Transcript;
  readonly code: string;
  readonly status: number;
}

const { targetBytes, headerBytes, headerLines, trailerBytes, trailerLines, leadingEmptyLines } = HTTP1_LIMITS;
const { chunkHeaderBytes, chunkExtensionBytes } = HTTP1_LIMITS;

const small: Http1Limits = { ...HTTP1_LIMITS, bodyBytes: 10 };
const extended = (total: number): string => {
  const each = chunkHeaderBytes - 3;
  const whole = Math.floor(total / each);
  const rest = total - whole * each;
  const chunk = (extension: number): string => `1${extension > 0 ? `;${"e".repeat(extension - 1)}` : ""}\r\na\r\n`;
  return `${chunk(each).repeat(whole)}${chunk(rest)}0\r\n\r\n`;
};

const ROWS: readonly Row[] = [
  {
    limit: "targetBytes",
    at: () => get(HOST, `/${"a".repeat(targetBytes - 1)}`),
    above: () => get(HOST, `/${"a".repeat(targetBytes)}`),
    code: "target_too_long",
    status: 414,
  },
  {
    limit: "headerBytes",
    at: () => get(HOST + line(headerBytes - HOST.length)),
    above: () => get(HOST + line(headerBytes - HOST.length + 1)),
    code: "headers_too_large",
    status: 431,
  },
  {
    limit: "headerLines",
    at: () => get(HOST + "X: y\r\n".repeat(headerLines - 1)),
    above: () => get(HOST + "X: y\r\n".repeat(headerLines)),
    code: "too_many_headers",
    status: 431,
  },
  {
    limit: "trailerBytes",
    at: () => chunked(`0\r\n${line(trailerBytes)}\r\n`),
    above: () => chunked(`0\r\n${line(trailerBytes + 1)}\r\n`),
    code: "trailers_too_large",
    status: 431,
  },
  {
    limit: "trailerLines",
    at: () => chunked(`0\r\n${"X: y\r\n".repeat(trailerLines - 1)}Range: y\r\n\r\n`),
    // Also those that are not passed on count.
    above: () => chunked(`0\r\n${"Range: y\r\n".repeat(trailerLines + 1)}\r\n`),
    code: "trailers_too_large",
    status: 431,
  },
  {
    limit: "leadingEmptyLines",
    at: () => readRequests(bytes(`${"\r\n".repeat(leadingEmptyLines)}GET / HTTP/1.1\r\n${HOST}\r\n`)),
    above: () => readRequests(bytes(`${"\r\n".repeat(leadingEmptyLines + 1)}GET / HTTP/1.1\r\n${HOST}\r\n`)),
    code: "too_many_empty_lines",
    status: 400,
  },
  {
    limit: "contentLengthDigits",
    at: () => get(`${HOST}Content-Length: ${"0".repeat(18)}\r\n`),
    above: () => get(`${HOST}Content-Length: ${"0".repeat(19)}\r\n`),
    code: "content_length_invalid",
    status: 400,
  },
  {
    limit: "chunkSizeDigits",
    at: () => chunked(`${"0".repeat(16)}\r\n\r\n`),
    above: () => chunked(`${"0".repeat(17)}\r\n\r\n`),
    code: "chunk_size_invalid",
    status: 400,
  },
  {
    limit: "chunkHeaderBytes",
    at: () => chunked(`1;${"e".repeat(chunkHeaderBytes - 4)}\r\na\r\n0\r\n\r\n`),
    above: () => chunked(`1;${"e".repeat(chunkHeaderBytes - 3)}\r\na\r\n0\r\n\r\n`),
    code: "chunk_extensions_too_large",
    status: 400,
  },
  {
    limit: "chunkExtensionBytes",
    at: () => chunked(extended(chunkExtensionBytes)),
    above: () => chunked(extended(chunkExtensionBytes + 1)),
    code: "chunk_extensions_too_large",
    status: 400,
  },
  {
    limit: "bodyBytes",
    at: () => chunked("a\r\n0123456789\r\n0\r\n\r\n", small),
    above: () => chunked("a\r\n0123456789\r\n1\r\na\r\n0\r\n\r\n", small),
    code: "body_too_large",
    status: 413,
  },
  {
    limit: "reasonBytes",
    at: () => readResponses(bytes(`HTTP/1.1 204 ${"r".repeat(1024)}\r\n\r\n`)),
    above: () => readResponses(bytes(`HTTP/1.1 204 ${"r".repeat(1025)}\r\n\r\n`)),
    code: "status_line_invalid",
    status: 400,
  },
];

describe("limits of messages (SR-50)", () => {
  test("every one has a row here", () => {
    expect(ROWS.map(({ limit }) => limit as string).sort()).toEqual(Object.keys(HTTP1_LIMITS).sort());
  });

  test("heads have 60 KiB and 100 fields, targets 8 KiB", () => {
    expect([headerBytes, headerLines, targetBytes]).toEqual([61_440, 100, 8192]);
  });

  for (const { limit, at, above, code, status } of ROWS) {
    test(`${limit}: admitted at the limit`, () => {
      expect(at().error).toBeUndefined();
      expect(at().messages.length).toBe(1);
    });

    test(`${limit}: ${code} one above`, () => {
      expect(above()).toMatchObject({ error: code, status, limit, messages: [] });
    });
  }

  test("a Content-Length above the limit is 413 before a byte of content", () => {
    const request = `POST / HTTP/1.1\r\n${HOST}Content-Length: 11\r\n\r\n`;
    expect(readRequests(bytes(request), { limits: small })).toMatchObject({ error: "body_too_large", status: 413 });
  });

  test("without a limit of one's own: 413 from the first length on that cannot be counted exactly", () => {
    const of = (length: string) =>
      readRequests(bytes(`POST / HTTP/1.1\r\n${HOST}Content-Length: ${length}\r\n\r\n`)).error as string | undefined;
    expect(["9007199254740991", "9007199254740992", "999999999999999999"].map(of)).toEqual([
      "truncated",
      "body_too_large",
      "body_too_large",
    ]);
  });

  test("a head that never ends is refused when the limit is passed, not when it ends", () => {
    const pieces = [
      `GET / HTTP/1.1\r\n${HOST}X: `,
      ..."v"
        .repeat(61)
        .split("")
        .map((letter) => letter.repeat(1024)),
    ];
    expect(readRequests(pieces.map((piece) => Buffer.from(piece)))).toMatchObject({ error: "headers_too_large" });
  });
});
