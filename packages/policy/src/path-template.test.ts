import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isPathTemplate, parsePathTemplate } from "./path-template.ts";

describe("path templates", () => {
  for (const [template, yes, no] of [
    // The table of istio-security §3.14.
    ["/allow/admin/{**}", ["/allow/admin/", "/allow/admin/temp", "/allow/admin/foo/temp.txt"], ["/allow/admin"]],
    [
      "/foo/{*}/bar/{**}",
      ["/foo/buzz/bar/bat.txt", "/foo/buzz/bar/"],
      ["/foo/bar/bat.txt", "/foo//bar/bat.txt", "/foo/buzz/bar"],
    ],
    [
      "/store/{**}/cart",
      ["/store//cart", "/store/foo/bar/cart"],
      ["/store/cart", "/store/foo/cart/", "/store/foo/xcart"],
    ],
    ["/{*}", ["/a", "/a=b", "/a*b", "/a%2Fb"], ["/", "/a/b", "/a/", '/a"b', "/a[b", "/a|b", "a"]],
    ["/a/{*}/b", ["/a/x/b"], ["/a/x/bc", "/a/x/y/b", "/a//b", "/a/x/b/", "/ab/x/b"]],
    ["/{*}/{*}", ["/a/b"], ["/a", "/a/b/c", "//b"]],
  ] as const)
    test(template, () => {
      const { matches } = parsePathTemplate(template);
      for (const path of yes) assert.ok(matches(path), `should match ${path}`);
      for (const path of no) assert.ok(!matches(path), `should not match ${path}`);
    });

  test("say what a path must begin with, which no match contradicts", () => {
    assert.equal(parsePathTemplate("/foo/{*}/bar").head, "/foo/");
    assert.equal(parsePathTemplate("/{**}").head, "/");
  });

  test("are values with an operator, and no others", () => {
    assert.deepEqual(["/{*}", "/a/{**}", "/*", "/{a}", "{}"].map(isPathTemplate), [true, true, false, false, false]);
  });
});
