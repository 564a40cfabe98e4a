import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JwtClaims } from "./attributes.ts";
import {
  outputHeaderNames,
  outputHeaders,
  requestPrincipalOf,
  spaceDelimitedClaims,
  splitClaims,
} from "./jwt-outputs.ts";

/** Value of the header for claim `c`; undefined when there is none. */
function claimHeader(claims: JwtClaims, claim = "c"): string | undefined {
  const rule = { outputClaimToHeaders: [{ header: "X-C", claim }] };
  const [line, ...others] = outputHeaders(rule, { claims: claims as never, payloadPart: "e30" });
  assert.deepEqual([line?.name ?? "x-c", others], ["x-c", []]);
  return line?.value;
}

describe("outputClaimToHeaders", () => {
  const table: readonly (readonly [why: string, value: JwtClaims[string], header: string | undefined])[] = [
    ["a text", "x y", "x y"],
    ["a text outside ASCII, by its octets", "é", "\u00c3\u00a9"],
    ["an integer", 5, "5"],
    ["zero", 0, "0"],
    ["a large integer", 12345678901234568, "12345678901234568"],
    ["a negative number, as Envoy writes it", -5, "-5.000000"],
    ["a fraction, as Envoy writes it", 1.5, "1.500000"],
    ["more than 64 bits", 1e21, "1000000000000000000000.000000"],
    ["true", true, "true"],
    ["false", false, "false"],
    ["a list, as base64 of its JSON", ["x", "b"], "WyJ4IiwiYiJd"],
    ["an object, as base64 of its JSON with sorted names", { b: 1, a: [] }, "eyJhIjpbXSwiYiI6MX0="],
    ["nothing for an empty text", "", undefined],
    ["nothing for null", null, undefined],
    ["nothing for a text that would end the header", "a\r\nx-admin: true", undefined],
    ["nothing for a text with NUL", "a\0", undefined],
  ];
  for (const [why, value, header] of table) test(why, () => assert.equal(claimHeader({ c: value }), header));

  test("nothing for a claim that is not there, nor for what objects inherit", () => {
    for (const name of ["c", "toString", "constructor", "__proto__", "length", ""]) {
      assert.equal(claimHeader({ d: 1 }, name), undefined, name);
    }
  });
  test("a dot goes into objects, and cannot be part of a name", () => {
    assert.equal(claimHeader({ a: { b: { c: "deep" } }, "a.b.c": "flat" }, "a.b.c"), "deep");
    assert.equal(claimHeader({ "a.b.c": "flat" }, "a.b.c"), undefined);
    assert.equal(claimHeader({ a: "text" }, "a.length"), undefined);
    assert.equal(claimHeader({ a: ["x"] }, "a.0"), undefined);
  });
});

test("outputPayloadToHeader is the payload as it stands in the token", () => {
  const rule = { outputPayloadToHeader: "X-Payload", outputClaimToHeaders: [{ header: "X-Sub", claim: "sub" }] };
  assert.deepEqual(outputHeaders(rule, { claims: { sub: "s" }, payloadPart: "eyAic3ViIjoicyJ9" }), [
    { name: "x-payload", value: "eyAic3ViIjoicyJ9" },
    { name: "x-sub", value: "s" },
  ]);
  assert.deepEqual(outputHeaderNames(rule), ["x-payload", "x-sub"]);
  assert.deepEqual(outputHeaderNames({ outputClaimToHeaders: [] }), []);
});

describe("claims as policies see them", () => {
  const names = spaceDelimitedClaims({ spaceDelimitedClaims: ["roles"] });
  test("scope, permission and the listed claims become lists of their words", () => {
    const split = splitClaims({ scope: " a  b c ", permission: "x", roles: "r s", other: "a b" }, names);
    assert.deepEqual({ ...split }, { scope: ["a", "b", "c"], permission: ["x"], roles: ["r", "s"], other: "a b" });
  });
  test("a text without words stays a text", () => {
    assert.deepEqual({ ...splitClaims({ scope: " ", permission: "" }, names) }, { scope: " ", permission: "" });
  });
  test("only texts at the top are split", () => {
    const claims = { scope: ["a b"], permission: 1, roles: { scope: "a b" } };
    assert.deepEqual({ ...splitClaims(claims, names) }, claims);
  });
  test("claims have no prototype and cannot be changed", () => {
    const claims = splitClaims(JSON.parse('{"__proto__":{"admin":true},"constructor":1}'), names);
    assert.deepEqual(Object.keys(claims), ["__proto__", "constructor"]);
    assert.equal(claims.admin, undefined);
    assert.throws(() => Object.assign(claims, { a: 1 }), TypeError);
  });
});

test("the principal needs issuer and subject", () => {
  assert.equal(requestPrincipalOf({ iss: "https://a", sub: "s/t" }), "https://a/s/t");
  for (const claims of [{ iss: "a" }, { sub: "s" }, { iss: "", sub: "s" }, { iss: "a", sub: "" }, {}]) {
    assert.equal(requestPrincipalOf(claims), undefined);
  }
});
