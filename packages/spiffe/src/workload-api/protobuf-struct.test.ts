import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { concatBytes, encodeUtf8 } from "../core/index.ts";
import { decodeStruct } from "./protobuf-struct.ts";
import { encodeField, encodeMessageField, encodeRepeated } from "./protobuf-writer.ts";

const INVALID = { code: "ERR_WORKLOAD_API_RESPONSE_INVALID" };

const NULL = Uint8Array.of(0x08, 0);
const TRUE = Uint8Array.of(0x20, 1);
const text = (value: string) => encodeMessageField(3, encodeUtf8(value));
const struct = (value: Uint8Array) => encodeMessageField(5, value);
const list = (...values: readonly Uint8Array[]) => encodeMessageField(6, encodeRepeated(1, values));
const member = (key: string, value: Uint8Array) =>
  encodeMessageField(1, concatBytes(encodeField(1, key), encodeMessageField(2, value)));

function number(value: number): Uint8Array {
  const bytes = Uint8Array.of(0x11, 0, 0, 0, 0, 0, 0, 0, 0);
  new DataView(bytes.buffer).setFloat64(1, value, true);
  return bytes;
}

/** `levels` objects, one in the other. */
function nested(levels: number): Uint8Array {
  let innermost: Uint8Array = new Uint8Array();
  for (let level = 1; level < levels; level++) innermost = member("o", struct(innermost));
  return innermost;
}

function levelsOf(value: unknown): number {
  return typeof value === "object" && value !== null ? 1 + levelsOf(Object.values(value)[0]) : 0;
}

describe("google.protobuf.Struct", () => {
  test("is the JSON object that it stands for, with every kind of value", () => {
    const message = concatBytes(
      member("null", NULL),
      member("true", TRUE),
      member("false", Uint8Array.of(0x20, 0)),
      member("number", number(-1.5)),
      member("text", text("ä")),
      member("list", list(text("a"), number(2), list())),
      member("object", struct(member("in", struct(new Uint8Array())))),
      member("", text("an empty name is one")),
    );
    assert.equal(
      JSON.stringify(decodeStruct(message)),
      '{"null":null,"true":true,"false":false,"number":-1.5,"text":"ä","list":["a",2,[]],"object":{"in":{}},"":"an empty name is one"}',
    );
  });

  test("takes the last of two values, of two kinds, and of two members of one name", () => {
    const twoKinds = encodeMessageField(
      1,
      concatBytes(encodeField(1, "a"), encodeMessageField(2, concatBytes(TRUE, text("b")))),
    );
    const twoValues = encodeMessageField(
      1,
      concatBytes(encodeField(1, "c"), encodeMessageField(2, NULL), encodeMessageField(2, TRUE)),
    );
    const message = concatBytes(twoKinds, twoValues, member("d", NULL), member("d", text("e")));
    assert.deepEqual({ ...decodeStruct(message) }, { a: "b", c: true, d: "e" });
  });

  test("has members of any name, and none that it was not sent", () => {
    const object = decodeStruct(concatBytes(member("__proto__", text("x")), member("constructor", NULL)));
    assert.deepEqual(Object.keys(object), ["__proto__", "constructor"]);
    assert.equal(object.toString, undefined);
    assert.equal(({} as { readonly x?: unknown }).x, undefined);
  });

  test("passes over fields that it does not know", () => {
    const unknown = encodeMessageField(9, encodeUtf8("new"));
    const message = concatBytes(unknown, member("a", concatBytes(unknown, TRUE, unknown)));
    assert.deepEqual({ ...decodeStruct(message) }, { a: true });
  });

  test("has 33 levels of objects and no more", () => {
    assert.equal(levelsOf(decodeStruct(nested(33))), 33);
    assert.throws(() => decodeStruct(nested(34)), INVALID);
  });

  test("has no more levels of lists than of objects", () => {
    const lists = (levels: number): Uint8Array => (levels === 0 ? NULL : list(lists(levels - 1)));
    assert.equal(levelsOf(decodeStruct(member("l", lists(32)))), 33);
    assert.throws(() => decodeStruct(member("l", lists(33))), INVALID);
  });

  const refused: readonly (readonly [string, Uint8Array])[] = [
    ["a member without a value", encodeMessageField(1, encodeField(1, "a"))],
    ["a value without a kind", member("a", new Uint8Array())],
    ["a value of a kind that is not known", member("a", encodeMessageField(7, encodeUtf8("x")))],
    ["NaN", member("exp", number(Number.NaN))],
    ["infinity", member("exp", number(Number.POSITIVE_INFINITY))],
    ["a number of four bytes", member("a", Uint8Array.of(0x15, 0, 0, 0, 0))],
    ["a boolean that is a text", member("a", encodeMessageField(4, encodeUtf8("x")))],
    ["a text that is not UTF-8", member("a", encodeMessageField(3, Uint8Array.of(0xff)))],
    [
      "a name that is not UTF-8",
      encodeMessageField(1, concatBytes(Uint8Array.of(0x0a, 1, 0xff), encodeMessageField(2, NULL))),
    ],
    ["a member that is a number", Uint8Array.of(0x08, 1)],
    ["a message that ends early", member("a", text("abc")).subarray(0, -1)],
  ];
  for (const [what, message] of refused) {
    test(`refuses ${what}`, () => assert.throws(() => decodeStruct(message), INVALID));
  }
});
