import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { normalizedPathOnly, normalizePath, type PathNormalization } from "./normalize-path.ts";

const MODES: readonly PathNormalization[] = ["none", "base", "merge-slashes", "decode-and-merge-slashes"];

describe("path normalization", () => {
  for (const [target, ...wanted] of [
    ["/app", "/app", "/app", "/app", "/app"],
    ["/app/../admin", "/app/../admin", "/admin", "/admin", "/admin"],
    ["/app/%2E./admin", "/app/%2E./admin", "/admin", "/admin", "/admin"],
    ["/app//../admin", "/app//../admin", "/app/admin", "/app/admin", "/app/admin"],
    ["/../../admin", "/../../admin", "/admin", "/admin", "/admin"],
    ["/app/..", "/app/..", "/", "/", "/"],
    ["/app/.", "/app/.", "/app/", "/app/", "/app/"],
    ["/app\\..\\admin", "/app\\..\\admin", "/admin", "/admin", "/admin"],
    ["/%61%2d%2F", "/%61%2d%2F", "/a-%2F", "/a-%2F", "/a-/"],
    ["/a%252fb", "/a%252fb", "/a%252fb", "/a%252fb", "/a%252fb"],
    ["/a%2", "/a%2", "/a%2", "/a%2", "/a%2"],
    ["/a%zz/./b", "/a%zz/./b", "/a%zz/b", "/a%zz/b", "/a%zz/b"],
    ["/%2e%2e%5cadmin", "/%2e%2e%5cadmin", "/..%5cadmin", "/..%5cadmin", "/admin"],
    ["//", "//", "//", "//", "//"],
    ["/", "/", "/", "/", "/"],
    ["///a", "///a", "///a", "/a", "/a"],
    [
      '/"<>^`{|}[]',
      '/"<>^`{|}[]',
      "/%22%3C%3E%5E%60%7B%7C%7D[]",
      "/%22%3C%3E%5E%60%7B%7C%7D[]",
      "/%22%3C%3E%5E%60%7B%7C%7D[]",
    ],
    ["/...", "/...", "/...", "/...", "/..."],
    ["*", "*", "*", "*", "*"],
  ] as const)
    test(`of ${target}`, () => {
      assert.deepEqual(
        MODES.map((mode) => normalizePath(target, mode)),
        wanted,
      );
    });

  test("leaves the query alone and cuts the fragment, wherever it is", () => {
    assert.equal(normalizePath("/a/../b?x=/../%61#y", "base"), "/b?x=/../%61");
    assert.equal(normalizePath("/a#b?c=d", "none"), "/a");
    assert.equal(normalizePath("/a?#b", "none"), "/a?");
    assert.equal(normalizedPathOnly("/a/../b?x#y", "base"), "/b");
    assert.equal(normalizedPathOnly("/a#b?x", "none"), "/a");
  });

  test("refuses white space, control characters and bytes that are not ASCII in every mode", () => {
    for (const mode of MODES) {
      for (const path of ["/a b", "/a\tb", "/a\u0000b", "/a\u007fb", "/a\u0080b", "/\u00e9", " /a"])
        assert.equal(normalizePath(path, mode), undefined, path);
      assert.equal(normalizePath("/!~", mode), "/!~");
    }
  });

  test("refuses an escaped NUL, and the nearest miss not", () => {
    for (const mode of MODES.slice(1)) {
      assert.equal(normalizePath("/admin%00", mode), undefined);
      assert.equal(normalizePath("/admin%01", mode), "/admin%01");
      assert.equal(normalizePath("/admin?%00", mode), "/admin?%00");
    }
  });
});
