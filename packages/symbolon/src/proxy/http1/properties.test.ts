import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readRequests, readResponses } from "../../../../../test/fakes/http1-transcript.ts";
import { FIELD_NAME, HOST_NAME, METHOD, TARGET } from "./characters.ts";
import {
  detectHttp,
  HeadWriter,
  NO_EDITS,
  RequestParser,
  ResponseParser,
  writeRequestHead,
  writeResponseHead,
} from "./index.ts";

const NUM_RUNS = 600;
const charset = (set: Uint8Array): string =>
  Array.from(set, (member, byte) => (member === 1 ? String.fromCharCode(byte) : "")).join("");
const from = (characters: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...characters), minLength, maxLength });

const fieldValue = fc.string({ unit: fc.constantFrom(...'abc XYZ\t09,;="/:\u00e9\u00ff'), maxLength: 40 });
const field = fc
  .tuple(from(charset(FIELD_NAME), 1, 12), fieldValue)
  .filter(
    ([name]) =>
      !/^(host|content-length|transfer-encoding|connection|expect|upgrade|te|trailer|keep-alive|proxy-.*|x-envoy-.*|x-symbolon-.*|http2-settings)$/i.test(
        name,
      ),
  );
const content = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
const request = fc
  .record({
    method: fc.constantFrom("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "M-SEARCH"),
    path: from(charset(TARGET), 0, 30),
    host: from(charset(HOST_NAME), 1, 20),
    fields: fc.array(field, { maxLength: 12 }),
    body: fc.option(content, { nil: undefined }),
    chunks: fc.option(
      fc.array(
        content.filter(({ length }) => length > 0),
        { maxLength: 4 },
      ),
      { nil: undefined },
    ),
    ows: fc.constantFrom("", " ", "\t", "  \t "),
  })
  .map(({ method, path, host, fields, body, chunks, ows }) => {
    const lines = [
      `${method} /${path} HTTP/1.1`,
      `Host:${ows}${host}`,
      ...fields.map(([name, value]) => `${name}:${ows}${value}${ows}`),
    ];
    if (chunks) {
      const head = Buffer.from(`${[...lines, "transfer-encoding: chunked"].join("\r\n")}\r\n\r\n`, "latin1");
      return Buffer.concat([
        head,
        ...chunks.flatMap((chunk) => [Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n")]),
        Buffer.from("0\r\n\r\n"),
      ]);
    }
    if (body) lines.push(`Content-Length: ${body.length}`);
    return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body ?? Buffer.alloc(0)]);
  });

/** A message with a few bytes changed, taken out or put in. */
const mutated = fc
  .tuple(
    request,
    fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom("set", "insert", "delete")), {
      minLength: 1,
      maxLength: 5,
    }),
  )
  .map(([bytes, edits]) => {
    let result = [...bytes];
    for (const [place, byte, kind] of edits) {
      const at = place % (result.length + 1);
      result = [
        ...result.slice(0, at),
        ...(kind === "delete" ? [] : [byte]),
        ...result.slice(kind === "insert" ? at : at + 1),
      ];
    }
    return Buffer.from(result);
  });
const anything = fc.oneof(
  mutated,
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
);

describe("request parser", () => {
  test("reads every request that keeps to the grammar", () => {
    fc.assert(
      fc.property(request, (bytes) => {
        const { messages, error } = readRequests([bytes]);
        expect(error).toBeUndefined();
        expect(messages.length).toBe(1);
      }),
      { numRuns: NUM_RUNS },
    );
  });

  test("gives the same events however the bytes are cut", () => {
    fc.assert(
      fc.property(anything, fc.array(fc.nat(), { maxLength: 6 }), (bytes, cuts) => {
        expect(readRequests(cut(bytes, cuts))).toEqual(readRequests([bytes]));
      }),
      { numRuns: NUM_RUNS },
    );
  });

  test("never throws, and whatever ends without all of a message has a code", () => {
    fc.assert(
      fc.property(anything, (bytes) => {
        const { error, unfinished } = readRequests([bytes]);
        if (unfinished) expect(error).toBeDefined();
      }),
      { numRuns: NUM_RUNS },
    );
  });

  test("what is written is read as the same request, and written again as the same bytes", () => {
    fc.assert(
      fc.property(fc.oneof(request, mutated), (bytes) => {
        const once = rewrite(bytes);
        if (once === undefined) return;
        expect(rewrite(once)?.toString("latin1")).toBe(once.toString("latin1"));
        const [before] = readRequests([bytes]).messages;
        const [after] = readRequests([once]).messages;
        expect(after?.start.replace(" HTTP/1.0", "").replace("@localhost", "@-")).toBe(
          before?.start.replace(" HTTP/1.0", "") as string,
        );
        expect(after?.framing).toBe(before?.framing as string);
      }),
      { numRuns: NUM_RUNS },
    );
  });
});

describe("response parser", () => {
  const response = fc
    .record({
      status: fc.integer({ min: 100, max: 999 }),
      fields: fc.array(field, { maxLength: 8 }),
      body: fc.option(content, { nil: undefined }),
    })
    .map(({ status, fields, body }) =>
      Buffer.concat([
        Buffer.from(
          `${[`HTTP/1.1 ${status} Fine`, ...fields.map(([name, value]) => `${name}: ${value}`), ...(body ? [`content-length: ${body.length}`] : [])].join("\r\n")}\r\n\r\n`,
          "latin1",
        ),
        body ?? Buffer.alloc(0),
      ]),
    );

  test("gives the same events however the bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.oneof(response, anything),
        fc.array(fc.nat(), { maxLength: 6 }),
        fc.constantFrom("GET", "HEAD", "CONNECT"),
        (bytes, cuts, method) => {
          expect(readResponses(cut(bytes, cuts), method)).toEqual(readResponses([bytes], method));
        },
      ),
      { numRuns: NUM_RUNS },
    );
  });

  test("what is written is written again as the same bytes", () => {
    fc.assert(
      fc.property(response, (bytes) => {
        const once = rewriteResponse(bytes);
        expect(once).toBeDefined();
        if (once) expect(rewriteResponse(once)?.toString("latin1")).toBe(once.toString("latin1"));
      }),
      { numRuns: NUM_RUNS },
    );
  });
});

test("detection never waits for more than a line, and the parser admits nothing that it calls other", () => {
  fc.assert(
    fc.property(fc.oneof(request, anything), (bytes) => {
      const detected = detectHttp(bytes);
      if (readRequests([bytes]).messages.length > 0) expect(detected).toBe("http1");
      if (detected === "incomplete")
        expect(detectHttp(Buffer.concat([bytes, Buffer.alloc(64 * 1024, 0x41)]))).not.toBe("incomplete");
    }),
    { numRuns: NUM_RUNS },
  );
});

test("method names are made of what the table of characters has", () => {
  expect(charset(METHOD)).toBe("-ABCDEFGHIJKLMNOPQRSTUVWXYZ");
});

function cut(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end));
}

/** The first request, its head written anew and its content as it came. */
function rewrite(bytes: Buffer): Buffer | undefined {
  const parser = new RequestParser();
  parser.push(bytes);
  if (parser.next() !== "head") return undefined;
  const writer = new HeadWriter();
  writeRequestHead(writer, parser.head, NO_EDITS);
  const head = Buffer.from(writer.written);
  return Buffer.concat([head, parser.takeRest()]);
}

function rewriteResponse(bytes: Buffer): Buffer | undefined {
  const parser = new ResponseParser();
  parser.push(bytes);
  if (parser.next() !== "head") return undefined;
  const writer = new HeadWriter();
  writeResponseHead(writer, parser.head, { http10: false, close: false, appended: "" });
  return Buffer.from(writer.written);
}
