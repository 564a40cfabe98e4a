import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeJson, LineBuffer } from "./line-buffer.ts";

function written(write: (into: LineBuffer) => void): string {
  const into = new LineBuffer();
  write(into);
  return into.written.toString("latin1");
}

describe("a buffer of lines", () => {
  test("writes any text so that JSON reads it again, in printable ASCII", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 50 }), (text) => {
        const json = written((into) => into.string(text));
        expect(json).toMatch(/^[\x20-\x7e]*$/);
        expect(JSON.parse(json)).toBe(text);
        expect(Buffer.from(encodeJson({ [text]: [text] })).toString("latin1")).toMatch(/^[\x20-\x7e]*$/);
        expect(JSON.parse(Buffer.from(encodeJson({ [text]: [text] })).toString())).toEqual({ [text]: [text] });
      }),
      { numRuns: 2000 },
    );
  });

  test("writes every unit of UTF-16 as itself, or escaped", () => {
    for (let unit = 0; unit < 0x10000; unit++) {
      const text = String.fromCharCode(unit);
      const json = written((into) => into.string(text));
      if (JSON.parse(json) !== text || !/^[\x20-\x7e]+$/.test(json)) throw new Error(`unit ${unit} became ${json}`);
    }
  });

  test("cuts a text at its limit, and shows it", () => {
    expect(written((into) => into.string("abc", 3))).toBe('"abc"');
    expect(written((into) => into.string("abcd", 3))).toBe('"abc..."');
    expect(written((into) => into.string("\n\n", 1))).toBe('"\\u000a..."');
  });

  test("writes numbers as JSON does", () => {
    for (const value of [0, 1, 9, 10, 99, 100, 12_345, 999_999_999, 1e9, 2 ** 53 - 1, -1, 0.5, 1e21])
      expect(written((into) => into.number(value))).toBe(JSON.stringify(value));
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY])
      expect(written((into) => into.number(value))).toBe("null");
  });

  test("writes milliseconds to the microsecond", () => {
    for (const value of [
      0,
      0.001,
      0.01,
      0.1,
      0.123,
      1,
      1.5,
      1.05,
      1.005,
      12.34,
      300_000.25,
      999_999.999,
      1e9,
      5e9 + 0.5,
    ])
      expect(Number(written((into) => into.milliseconds(value)))).toBe(value);
    expect(written((into) => into.milliseconds(Number.NaN))).toBe("null");
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2e9 }), (microseconds) => {
        const value = Math.round(microseconds) / 1000;
        expect(Number(written((into) => into.milliseconds(value)))).toBe(value);
      }),
    );
  });

  test("grows as far as it has to, keeps what it has, and gives a large one back", () => {
    const into = new LineBuffer();
    const line = "x".repeat(1000);
    for (let count = 0; count < 3000; count++) into.string(line);
    expect(into.length).toBe(3000 * 1002);
    expect(into.written.toString("latin1")).toBe(`"${line}"`.repeat(3000));
    into.clear();
    expect(into.length).toBe(0);
    into.raw(Buffer.from("{}\n"));
    expect(into.written.toString()).toBe("{}\n");
  });
});
