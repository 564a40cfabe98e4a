import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FRAME, frame, PREFACE } from "../../../../../test/fakes/raw-http2.ts";
import { createAuthorityRewriter } from "./authority-rewriter.ts";

const SETTINGS = frame(FRAME.settings, 0, [], 0);
const GET = 0x82;

const text = (value: string): number[] => [value.length, ...Buffer.from(value)];
/** Literal with incremental indexing, name 1 of the static table (RFC 7541 §6.2.1). */
const authority = (value: string): number[] => [0x41, ...text(value)];
const headers = (block: readonly number[], flags = 0x04): Buffer<ArrayBuffer> => frame(1, flags, block);

function through(...chunks: readonly Uint8Array[]): Buffer<ArrayBuffer> {
  const rewriter = createAuthorityRewriter();
  return Buffer.concat(chunks.flatMap((chunk) => [...rewriter.push(chunk)]));
}

describe("the :authority of a request (runtime-facts §2, W1)", () => {
  const request = Buffer.concat([PREFACE, SETTINGS, headers([GET, ...authority("/run/agent.sock"), 0x84])]);
  const wanted = Buffer.concat([PREFACE, SETTINGS, headers([GET, ...authority("a".repeat(15)), 0x84])]);

  test("becomes harmless in as many bytes", () => {
    expect(through(request)).toEqual(wanted);
  });

  test("wherever the stream of bytes is cut", () => {
    for (let cut = 0; cut <= request.length; cut++)
      expect(through(request.subarray(0, cut), request.subarray(cut))).toEqual(wanted);
    expect(through(...[...request].map((byte) => Uint8Array.of(byte)))).toEqual(wanted);
  });

  test("of every request, not only of the first", () => {
    expect(through(request, headers([GET, ...authority("/b")]))).toEqual(
      Buffer.concat([wanted, headers([GET, ...authority("aa")])]),
    );
  });

  test.each([
    ["without indexing", [0x01, ...text("/s")], [0x01, ...text("aa")]],
    ["never indexed", [0x11, ...text("/s")], [0x11, ...text("aa")]],
    [
      "with its name in full",
      [0x40, ...text(":authority"), ...text("/s")],
      [0x40, ...text(":authority"), ...text("aa")],
    ],
    // "/s" in Huffman's code is 2 bytes (011000 01000 11111): the flag goes, the length stays.
    ["Huffman-coded", [0x41, 0x82, 0x61, 0x1f], [0x41, 0x02, 0x61, 0x61]],
    [
      "after a change of the table's size",
      [0x3f, 0xe1, 0x1f, ...authority("/s")],
      [0x3f, 0xe1, 0x1f, ...authority("aa")],
    ],
    [
      "with 127 bytes and more",
      [0x41, 0x7f, 0x05, ...new Array(132).fill(0x2f)],
      [0x41, 0x7f, 0x05, ...new Array(132).fill(0x61)],
    ],
    ["empty", [0x41, 0], [0x41, 0]],
  ])("%s", (_how, block, expected) => {
    expect(through(PREFACE, headers(block))).toEqual(Buffer.concat([PREFACE, headers(expected)]));
  });

  test("in a frame with padding and priority; padding is not read as headers", () => {
    const padding = authority("/x");
    const payload = (name: string) => [padding.length, 0, 0, 0, 0, 16, GET, ...authority(name), ...padding];
    expect(through(PREFACE, headers(payload("/s"), 0x2c))).toEqual(
      Buffer.concat([PREFACE, headers(payload("aa"), 0x2c)]),
    );
  });
});

test("whatever bytes come, and however they are cut: as many go out, and the same", () => {
  const anyFrame = fc
    .record({
      type: fc.constantFrom(0, FRAME.headers, FRAME.headers, FRAME.settings, 9),
      flags: fc.integer({ min: 0, max: 255 }),
      payload: fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ maxLength: 60 }).map(authority)),
    })
    .map(({ type, flags, payload }) => frame(type, flags, payload));
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 6 }), fc.array(fc.nat(2000), { maxLength: 8 }), (frames, cuts) => {
      const bytes = Buffer.concat([PREFACE, ...frames]);
      const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
      const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
      const whole = through(bytes);
      expect(whole.length).toBe(bytes.length);
      expect(through(...chunks).equals(whole)).toBe(true);
    }),
    { seed: 7, numRuns: 300 },
  );
});

describe("everything else passes as it is", () => {
  const same = (...bytes: readonly Uint8Array[]): void =>
    expect(through(...bytes).toString("hex")).toBe(Buffer.concat(bytes).toString("hex"));

  test("other headers that look like a path", () =>
    same(PREFACE, headers([GET, 0x44, ...text("/SpiffeWorkloadAPI/X")])));

  test("data that looks like headers", () => same(PREFACE, frame(0, 0, authority("/run/agent.sock"))));

  test.each([
    ["an integer without end", [0x41, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ["a string longer than the frame", [0x41, 0x20, 0x2f]],
    ["a name longer than the frame", [0x40, 0x20, 0x2f]],
    ["nothing after the name", [0x41]],
    ["padding longer than the frame", []],
  ])("damaged headers: %s", (_what, block) => same(PREFACE, headers(block), headers(block, 0x0c)));

  test("a frame of headers longer than allowed is not kept back", () => {
    const long = headers(new Array(20_000).fill(GET));
    const rewriter = createAuthorityRewriter();
    rewriter.push(PREFACE);
    const part = long.subarray(0, 100);
    expect(Buffer.concat([...rewriter.push(part)])).toEqual(part);
  });

  test("a wrong preface, at once and to its end", () => {
    const rewriter = createAuthorityRewriter();
    expect(rewriter.push(Buffer.from("PRI"))).toEqual([]);
    expect(Buffer.concat([...rewriter.push(Buffer.from("X / HTTP/1.1\r\n"))]).toString()).toBe("PRIX / HTTP/1.1\r\n");
    expect(rewriter.hasPreface).toBe(false);
  });

  test("half a preface is no preface", () => {
    const rewriter = createAuthorityRewriter();
    rewriter.push(PREFACE.subarray(0, 23));
    expect(rewriter.hasPreface).toBe(false);
    rewriter.push(PREFACE.subarray(23));
    expect(rewriter.hasPreface).toBe(true);
  });
});
