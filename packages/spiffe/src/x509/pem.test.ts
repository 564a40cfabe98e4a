import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isSymbolonError } from "../core/index.ts";
import { encodePem, parsePem, parseSinglePem } from "./pem.ts";

const der = Uint8Array.from({ length: 100 }, (_, i) => i);
const block = encodePem("CERTIFICATE", der);

function throwsCode(action: () => unknown, code: string, about = ""): void {
  assert.throws(action, (error) => isSymbolonError(error) && error.code === code, about);
}

test("round trips, also with carriage returns and without a last line feed", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (content) => {
      const [read] = parsePem(encodePem("X", content));
      assert.deepEqual(read, { label: "X", der: Uint8Array.from(content) });
    }),
  );
  assert.deepEqual(parsePem(block.replaceAll("\n", "\r\n"))[0]?.der, der);
  assert.deepEqual(parsePem(block.trimEnd())[0]?.der, der);
  assert.deepEqual(parsePem(new TextEncoder().encode(block))[0]?.der, der);
});

test("skips text between blocks, unless asked not to", () => {
  const text = `a comment\n${block}\nanother\n${block}`;
  assert.equal(parsePem(text).length, 2);
  throwsCode(() => parsePem(text, { refuseSurroundingText: true }), "ERR_PEM_SURROUNDING_TEXT");
  throwsCode(() => parsePem(`${block}trailing`, { refuseSurroundingText: true }), "ERR_PEM_SURROUNDING_TEXT");
  assert.equal(parsePem(`\n${block}\n\n`, { refuseSurroundingText: true }).length, 1);
});

test("takes exactly one block where one is wanted", () => {
  assert.deepEqual(parseSinglePem(block, "CERTIFICATE"), der);
  throwsCode(() => parseSinglePem(block + block, "CERTIFICATE"), "ERR_PEM_SEVERAL_BLOCKS");
  throwsCode(() => parseSinglePem(`${block}x`, "CERTIFICATE"), "ERR_PEM_SURROUNDING_TEXT");
  throwsCode(() => parseSinglePem(`x\n${block}`, "CERTIFICATE"), "ERR_PEM_SURROUNDING_TEXT");
  throwsCode(() => parseSinglePem("", "CERTIFICATE"), "ERR_PEM_NO_BLOCK");
  throwsCode(() => parseSinglePem(block, "CERTIFICATE REQUEST"), "ERR_PEM_UNEXPECTED_LABEL");
});

test("refuses blocks that are not well formed", () => {
  const table: readonly (readonly [text: string, why: string])[] = [
    [block.replace("END CERTIFICATE", "END X"), "other label at the end"],
    [block.replace("-----END CERTIFICATE-----", ""), "no end"],
    [block.replace("AAEC", "AA!C"), "character outside the alphabet"],
    [block.replace("AAEC", "AAE"), "missing character"],
    [block.replace("AAEC", "Proc-Type: 4,ENCRYPTED\n\nAAEC"), "headers"],
    ["-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "empty"],
    ["-----BEGIN CERTIFICATE----\nAAAA\n-----END CERTIFICATE-----\n", "four dashes"],
    ["-----BEGIN cert-----\nAAAA\n-----END cert-----\n", "lower-case label"],
    [`-----BEGIN CERTIFICATE-----\n${block}`, "block within a block"],
  ];
  for (const [text, why] of table) throwsCode(() => parsePem(text), "ERR_PEM_MALFORMED", why);
  throwsCode(() => parsePem("x".repeat(5_000_000)), "ERR_PEM_TOO_LARGE");
});
