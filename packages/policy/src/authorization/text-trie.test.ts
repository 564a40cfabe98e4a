import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { PatternIndex } from "./pattern-index.ts";
import { compileStringValues } from "./string-values.ts";
import { TextTrie } from "./text-trie.ts";

/** Letters so few that keys are prefixes and suffixes of each other. */
const text = fc.string({ unit: fc.constantFrom("a", "b", "/"), maxLength: 6 });

describe("tries", () => {
  for (const direction of ["prefix", "suffix"] as const)
    test(`find every key that is a ${direction}, and no other`, () => {
      fc.assert(
        fc.property(fc.array(text), text, (keys, input) => {
          const trie = new TextTrie<string>(direction);
          for (const key of keys) trie.add(key, key);
          const found: string[][] = [];
          trie.collect(input, found);
          const fits = (key: string) => (direction === "prefix" ? input.startsWith(key) : input.endsWith(key));
          assert.deepEqual(found.flat().sort(), keys.filter(fits).sort());
          assert.equal(trie.has(input), keys.some(fits));
        }),
      );
    });
});

test("a trie node with many children finds each of them", () => {
  const trie = new TextTrie<string>("prefix");
  const keys = Array.from({ length: 100 }, (_, index) => `/${String.fromCharCode(0x4e00 + index)}/x`);
  for (const key of keys) trie.add(key, key);
  assert.deepEqual(
    keys.filter((key) => !trie.has(key)),
    [],
  );
  assert.equal(trie.has("/a/x"), false);
});

describe("string values", () => {
  test("match what one of them matches, few or many", () => {
    const value = fc.tuple(text, fc.constantFrom("", "prefix", "suffix")).map(([body, kind]) => {
      if (kind === "prefix") return `${body}x*`;
      return kind === "suffix" ? `*x${body}` : body;
    });
    fc.assert(
      fc.property(fc.array(value, { maxLength: 30 }), text, text, (values, left, right) => {
        const input = `${left}x${right}`;
        const one = (pattern: string) =>
          pattern.endsWith("x*")
            ? input.startsWith(pattern.slice(0, -1))
            : pattern.startsWith("*x")
              ? input.endsWith(pattern.slice(1))
              : input === pattern;
        assert.equal(compileStringValues(values)(input), values.some(one));
      }),
    );
  });

  test("ask presence with a star: non-empty, or empty as well", () => {
    assert.equal(compileStringValues(["*"])(""), false);
    assert.equal(compileStringValues(["*"])("x"), true);
    assert.equal(compileStringValues(["*"], { emptyIsPresent: true })(""), true);
    assert.equal(compileStringValues(["x"], { emptyIsPresent: true })(""), false);
  });
});

describe("pattern indexes", () => {
  test("keep what exact, prefix and suffix keys find apart from the rest", () => {
    const index = new PatternIndex<number>();
    index.add({ table: "t", kind: "exact", text: "ab" }, 1);
    index.add({ table: "t", kind: "prefix", text: "a" }, 2);
    index.add({ table: "t", kind: "suffix", text: "b" }, 3);
    index.add({ table: "t", kind: "exact", text: "b" }, 4);
    const found: number[][] = [];
    index.collect("ab", found);
    assert.deepEqual(found, [[1], [2], [3]]);
  });
});
