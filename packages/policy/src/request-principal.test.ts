import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { claimStrings } from "./claim-values.ts";
import { issuerAndSubject, parseRequestPrincipalPattern, requestPrincipalMatches } from "./request-principal.ts";

describe("requestPrincipals", () => {
  // The table of istio-security §3.6: value, (iss, sub) pairs that match, near misses.
  for (const [value, yes, no] of [
    ["*", [["i", "s"]], []],
    ["*x", [["i", "ax"]], [["x", "xa"]]],
    ["*/x", [["i", "x"]], [["i", "ax"]]],
    [
      "*a/x",
      [["ba", "x"]],
      [
        ["b", "x"],
        ["ba", "xx"],
      ],
    ],
    ["a*", [["ab", "s"]], [["b", "a"]]],
    ["a/*", [["a", "s"]], [["ab", "s"]]],
    [
      "a/x*",
      [["a", "xy"]],
      [
        ["a", "y"],
        ["ab", "xy"],
      ],
    ],
    [
      "a/x",
      [["a", "x"]],
      [
        ["a", "xx"],
        ["a", "X"],
      ],
    ],
    [
      "a",
      [],
      [
        ["a", "s"],
        ["a", "a"],
      ],
    ],
    ["https://a.example/x/y*", [["https://a.example/x", "yz"]], [["https://a.example", "x/yz"]]],
  ] as const)
    test(value, () => {
      const pattern = parseRequestPrincipalPattern(value);
      for (const [issuer, subject] of yes) assert.ok(requestPrincipalMatches(pattern, { issuer, subject }), issuer);
      for (const [issuer, subject] of no) assert.ok(!requestPrincipalMatches(pattern, { issuer, subject }), issuer);
    });

  test("exist only when issuer and subject are texts", () => {
    assert.deepEqual(issuerAndSubject({ iss: "i", sub: "s" }), { issuer: "i", subject: "s" });
    for (const claims of [undefined, {}, { iss: "i" }, { sub: "s" }, { iss: null, sub: "s" }, { iss: "i", sub: 5 }])
      assert.equal(issuerAndSubject(claims), undefined);
  });

  test("that are empty fit no star, and the value without slash, as on Envoy", () => {
    const matches = (value: string, issuer: string, subject: string) =>
      requestPrincipalMatches(parseRequestPrincipalPattern(value), { issuer, subject });
    for (const value of ["*", "*s", "i*", "i/*", "*/s"]) assert.ok(!matches(value, "i", ""), value);
    assert.ok(!matches("*/s", "", "s"));
    assert.ok(matches("i", "i", ""));
    assert.ok(!matches("i", "j", ""));
  });
});

describe("claims", () => {
  const claims = { group: "a", groups: ["a", 7, "b"], n: 7, realm: { roles: ["x"], __proto__x: 1 } };

  test("are compared as strings or strings in lists, nested objects by path", () => {
    assert.deepEqual(claimStrings(claims, ["group"]), ["a"]);
    assert.deepEqual(claimStrings(claims, ["groups"]), ["a", "b"]);
    assert.deepEqual(claimStrings(claims, ["realm", "roles"]), ["x"]);
  });

  test("of other types, missing ones, and what every object has, are no strings", () => {
    for (const path of [["n"], ["none"], ["realm"], ["group", "length"], ["groups", "0"], ["constructor", "name"]])
      assert.deepEqual(claimStrings(claims, path), []);
    assert.deepEqual(claimStrings(undefined, ["group"]), []);
  });
});
