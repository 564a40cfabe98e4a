import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { queryParameters, withoutQueryParameters } from "./query-parameters.ts";

describe("queryParameters", () => {
  const table: readonly (readonly [target: string, values: string | readonly string[] | undefined, why: string])[] = [
    ["/p?t=x", "x", "alone"],
    ["/p?a=1&t=x&b=2", "x", "among others"],
    ["/p?t=x&t=y", ["x", "y"], "both of two"],
    ["/p?t=", "", "empty"],
    ["/p?t", "", "without an equals sign"],
    ["/p?t=a=b", "a=b", "from the first equals sign on"],
    ["/p?t=a%2Eb%", "a.b%", "percent-decoded, a lone percent sign stands for itself"],
    ["/p?t=a+b", "a+b", "a plus is a plus"],
    ["/p?%74=x", "x", "also with an escaped name"],
    ["/p?t=x#f", "x", "not the fragment"],
    ["/p?T=x", undefined, "names are case-sensitive"],
    ["/p?at=x&tt=y&t%3Dx", undefined, "whole names only"],
    ["/p", undefined, "no query"],
    ["/p/t=x", undefined, "not in the path"],
    ["/p#?t=x", undefined, "not in the fragment"],
    ["", undefined, "nothing"],
  ];
  for (const [target, values, why] of table) {
    const all = values === undefined ? [] : [values].flat();
    test(`${why}: ${target}`, () => assert.deepEqual(queryParameters(target, "t"), all));
  }
  test("a name outside ASCII is compared by its octets", () => {
    assert.deepEqual(queryParameters("/p?%c3%a9=x", "é"), ["x"]);
  });
});

describe("withoutQueryParameters", () => {
  const table: readonly (readonly [target: string, result: string])[] = [
    ["/p?t=x", "/p"],
    ["/p?t", "/p"],
    ["/p?a=1&t=x", "/p?a=1"],
    ["/p?t=x&a=1", "/p?a=1"],
    ["/p?t=x&a=1&%74=y&t", "/p?a=1"],
    ["/p?z=%26t%3Dq&t=x&a=%2f+1&b&c=&&z=3#t=f", "/p?z=%26t%3Dq&a=%2f+1&b&c=&&z=3#t=f"],
    ["/p?T=x&tt=1", "/p?T=x&tt=1"],
    ["/p?", "/p?"],
    ["/p", "/p"],
  ];
  for (const [target, result] of table) {
    test(`${target} becomes ${result}`, () => assert.equal(withoutQueryParameters(target, ["t"]), result));
  }
  test("several parameters, and none", () => {
    assert.equal(withoutQueryParameters("/p?a=1&b=2&c=3", ["c", "a"]), "/p?b=2");
    assert.equal(withoutQueryParameters("/p?a=1", []), "/p?a=1");
  });
});
