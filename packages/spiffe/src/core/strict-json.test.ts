import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { isSymbolonError } from "./errors.ts";
import { parseJsonObject, parseStrictJson } from "./strict-json.ts";

function refused(action: () => unknown, message: string): void {
  assert.throws(action, (error) => {
    assert.ok(isSymbolonError(error), String(error));
    assert.deepEqual([error.code, error.message], ["ERR_JWT_MALFORMED", `malformed JSON: ${message}`]);
    return true;
  });
}
const bytes = (text: string) => new TextEncoder().encode(text);

describe("parseStrictJson", () => {
  test("reads what JSON.stringify writes", () => {
    const values = fc
      .jsonValue({ depthSize: "small" })
      .filter((value) => !JSON.stringify(value).includes('"__proto__":'));
    fc.assert(
      fc.property(values, (value) => {
        const text = JSON.stringify(value);
        assert.deepEqual(JSON.parse(JSON.stringify(parseStrictJson(text))), JSON.parse(text));
        assert.deepEqual(
          JSON.parse(JSON.stringify(parseStrictJson(JSON.stringify(value, null, "\t\r\n ")))),
          JSON.parse(text),
        );
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  const refusals: readonly (readonly [text: string, message: string])[] = [
    ["", "unexpected text at 0"],
    ["{", "unexpected text at 1"],
    ['{"a":1,"a":1}', 'duplicate key "a"'],
    ['{"a":1,"\\u0061":2}', 'duplicate key "a"'],
    ['{"a":{"b":1,"b":2}}', 'duplicate key "b"'],
    ['{"a":1,}', "unexpected text at 7"],
    ["[1,]", "unexpected text at 3"],
    ["{a:1}", "unexpected text at 1"],
    ["{'a':1}", "unexpected text at 1"],
    ['{"a" 1}', 'wanted ":" at 5'],
    ["[1 2]", 'wanted "," at 3'],
    ["01", "text after the value"],
    ["+1", "unexpected text at 0"],
    ["1.", "text after the value"],
    [".5", "unexpected text at 0"],
    ["1e999", "number is too large"],
    ["NaN", "unexpected text at 0"],
    ["undefined", "unexpected text at 0"],
    ["nullx", "text after the value"],
    ['"a\nb"', "unexpected text at 0"],
    ['"\\x41"', "unexpected text at 0"],
    ['"open', "unexpected text at 0"],
    ["{} {}", "text after the value"],
    ["\ufeff{}", "unexpected text at 0"],
    ["// a\n1", "unexpected text at 0"],
    ["\u00a01", "unexpected text at 0"],
    ['"\\ud800"', "a surrogate without its pair"],
    ['"\\udc00\\ud800"', "a surrogate without its pair"],
    ['{"\\ud800":1}', "a surrogate without its pair"],
    ['"\ud800"', "a surrogate without its pair"],
  ];
  for (const [text, message] of refusals) {
    test(`refuses ${JSON.stringify(text)}`, () => refused(() => parseStrictJson(text), message));
  }

  test("takes surrogates in pairs", () => assert.equal(parseStrictJson('"\\ud83d\\ude00😀"'), "😀😀"));

  test("takes 32 levels and refuses 33", () => {
    const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
    assert.ok(parseStrictJson(nested(33)));
    refused(() => parseStrictJson(nested(34)), "nesting is deeper than 32 levels");
    refused(() => parseStrictJson("[".repeat(1_000_000)), "nesting is deeper than 32 levels");
    refused(() => parseStrictJson('{"a":'.repeat(40)), "nesting is deeper than 32 levels");
  });

  test("takes long texts with and without escapes", () => {
    for (const part of ["a", "\\n", "\\u0041"]) {
      assert.equal(String(parseStrictJson(`"${part.repeat(500_000)}"`)).length, 500_000);
    }
  });

  test("names of Object's own members are keys like any other", () => {
    const value = parseStrictJson('{"__proto__":{"exp":1},"constructor":2,"hasOwnProperty":3}');
    assert.deepEqual(Object.keys(value as object), ["__proto__", "constructor", "hasOwnProperty"]);
    assert.equal((value as { exp?: unknown }).exp, undefined);
    assert.equal(({} as { exp?: unknown }).exp, undefined);
    assert.equal((parseStrictJson("{}") as { toString?: unknown }).toString, undefined);
  });

  test("values cannot be changed", () => {
    const value = parseStrictJson('{"a":[1]}') as { a: number[] };
    assert.throws(() => value.a.push(2), TypeError);
    assert.throws(() => Object.assign(value, { b: 1 }), TypeError);
  });
});

describe("parseJsonObject", () => {
  test("reads an object in UTF-8", () => {
    assert.equal(parseJsonObject(bytes('{"이름":"é"}'), "payload").이름, "é");
  });
  test("refuses other values, other encodings and a byte order mark", () => {
    for (const text of ["[]", "1", '"x"', "null", "true"]) {
      refused(() => parseJsonObject(bytes(text), "payload"), "payload is not an object");
    }
    refused(() => parseJsonObject(Uint8Array.of(0x7b, 0xff, 0x7d), "payload"), "not UTF-8");
    refused(() => parseJsonObject(Uint8Array.of(0xed, 0xa0, 0x80), "payload"), "not UTF-8");
    refused(() => parseJsonObject(bytes("\ufeff{}"), "payload"), "unexpected text at 0");
    refused(() => parseJsonObject(new Uint8Array(), "payload"), "unexpected text at 0");
  });
});
