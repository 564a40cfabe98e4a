import { describe, expect, test } from "bun:test";
import { testEntry, testSelector } from "../../../../test/fakes/registration-entries.ts";
import { compareEntries } from "../core/index.ts";
import { matchEntries, uniqueHints } from "./match-entries.ts";

const attested = ["unix:uid:1000", "unix:gid:1000", "unix:path:/usr/bin/node"].map(testSelector);
const matches = (...selectors: readonly string[]) => matchEntries([testEntry({ selectors })], attested).length === 1;

describe("an entry is for a process", () => {
  test("when each of its selectors is among the process's", () => {
    expect(matches("unix:uid:1000")).toBe(true);
    expect(matches("unix:uid:1000", "unix:path:/usr/bin/node")).toBe(true);
  });

  test("and not when one is not, or nearly is", () => {
    expect(matches("unix:uid:1000", "unix:gid:1001")).toBe(false);
    for (const near of ["unix:uid:100", "unix:uid:10000", "unix:UID:1000", "unix:uid:1000 ", "un:ix:uid:1000"])
      expect(matches(near)).toBe(false);
  });

  test("and never without any selector", () => {
    expect(matches()).toBe(false);
  });
});

describe("order and hints", () => {
  const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));

  test("the explicit default first, then the oldest, then the id (S6)", () => {
    const entries = [
      testEntry({ id: "c", createdAt: at(2) }),
      testEntry({ id: "b", createdAt: at(1) }),
      testEntry({ id: "a", createdAt: at(1) }),
      testEntry({ id: "d", createdAt: at(3), isDefault: true }),
    ];
    expect(entries.toSorted(compareEntries).map(({ id }) => id)).toEqual(["d", "a", "b", "c"]);
  });

  test("of two equal hints the oldest keeps it, also when another is the default (S5)", () => {
    const hints = uniqueHints([
      testEntry({ id: "new", createdAt: at(2), hint: "internal", isDefault: true }),
      testEntry({ id: "old", createdAt: at(1), hint: "internal" }),
      testEntry({ id: "other", createdAt: at(3), hint: "external" }),
      testEntry({ id: "none", createdAt: at(0) }),
    ]);
    expect(Object.fromEntries(hints)).toEqual({ old: "internal", other: "external" });
  });
});
