import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeBase64, decodeBase64Url, encodeBase64, encodeBase64Url } from "./base64.ts";

test("encodes as the runtime does, and decodes its own output", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      assert.equal(encodeBase64(bytes), Buffer.from(bytes).toString("base64"));
      assert.equal(encodeBase64Url(bytes), Buffer.from(bytes).toString("base64url"));
      assert.deepEqual(decodeBase64(encodeBase64(bytes)), Uint8Array.from(bytes));
      assert.deepEqual(decodeBase64Url(encodeBase64Url(bytes)), Uint8Array.from(bytes));
    }),
  );
});

test("refuses what the runtimes' decoders skip", () => {
  for (const text of ["aGk!!@@", "aGk", "aG k=", "aGk=\n", "a===", "=", "aGk==", "YQ=", "YR=="]) {
    assert.equal(decodeBase64(text), undefined, text);
  }
  for (const text of ["aGk=", "aGk!!", "YR", "a", "YQ==", "+_", "\u0141"]) {
    assert.equal(decodeBase64Url(text), undefined, text);
  }
});

test("one value has one spelling: no two texts decode to the same bytes", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), (text) => {
      const bytes = decodeBase64Url(text);
      if (bytes) assert.equal(encodeBase64Url(bytes), text);
    }),
  );
});
