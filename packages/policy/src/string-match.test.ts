import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { globMatches, parseStringPattern, patternMatches } from "./string-match.ts";

const matches = (value: string, text: string) => patternMatches(parseStringPattern(value), text);

describe("string values", () => {
  for (const [what, value, yes, no] of [
    ["exact", "/admin", ["/admin"], ["/admin/", "/Admin", "admin", ""]],
    ["a prefix", "/admin*", ["/admin", "/admin/x"], ["/admi", "x/admin"]],
    ["a suffix", "*.foo.com", [".foo.com", "www.foo.com"], ["foo.com", "www.foo.com.bar"]],
    ["present and non-empty", "*", ["x", "*"], [""]],
    ["the suffix that ends in a star, when both ends have one", "*a*", ["a*", "xa*"], ["a", "bab", "xa"]],
    ["a star in the middle literally", "a*b", ["a*b"], ["ab", "axb"]],
    ["everything, by an empty suffix after two stars: a text that ends in a star", "**", ["*", "x*"], ["x", ""]],
  ] as const)
    test(`match ${what}`, () => {
      for (const text of yes) assert.ok(matches(value, text), `${value} should match ${text}`);
      for (const text of no) assert.ok(!matches(value, text), `${value} should not match ${text}`);
    });
});

describe("globs", () => {
  test("let a star stand for any run of characters, wherever it is", () => {
    for (const [glob, text] of [
      ["a*c", "ac"],
      ["a*c", "abc"],
      ["*/ns/foo/*", "x/ns/foo/"],
      ["a*b*a", "aba"],
      ["*", ""],
      ["a**b", "ab"],
    ] as const)
      assert.ok(globMatches(glob, text), `${glob} should match ${text}`);
  });

  test("do not use a character twice", () => {
    for (const [glob, text] of [
      ["ab*ba", "aba"],
      ["a*a", "a"],
      ["a*b*a", "aa"],
      ["*ab*b", "ab"],
      ["a", "ab"],
    ] as const)
      assert.ok(!globMatches(glob, text), `${glob} should not match ${text}`);
  });
});
