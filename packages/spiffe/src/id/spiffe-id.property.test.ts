import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { isSymbolonError, SPIFFE_ERRORS } from "../core/index.ts";
import { SpiffeId, TrustDomain } from "./spiffe-id.ts";

const RUNS = { seed: 7, numRuns: 2000 };
const LOWER = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
const segments = fc
  .string({ unit: fc.constantFrom(...LOWER, ..."ABCXYZ"), minLength: 1, maxLength: 20 })
  .filter((segment) => segment !== "." && segment !== "..");
const trustDomains = fc.string({ unit: fc.constantFrom(...LOWER), minLength: 1, maxLength: 255 });
const paths = fc.array(segments, { maxLength: 6 });
/** Made of what the grammar is made of, and of what it forbids, so that most texts are nearly right. */
const nearlyIds = fc
  .array(
    fc.constantFrom(
      "spiffe://",
      "spiffe:/",
      "td",
      "a.b",
      "/",
      "/x",
      ".",
      "..",
      "A",
      "%2e",
      "é",
      "\u0000",
      " ",
      ":",
      "@",
      "?",
      "#",
      "\u212a",
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(""));

/** SPIFFE-ID §2 as one expression, told independently of the parser. */
const GRAMMAR = /^spiffe:\/\/[a-z0-9._-]{1,255}(\/(?!\.\.?(\/|$))[A-Za-z0-9._-]+)*$/;
const isValid = (text: string): boolean => GRAMMAR.test(text) && text.length <= 2048 && !/\n$/.test(text);

function parsed(text: string): SpiffeId | undefined {
  try {
    return SpiffeId.parse(text);
  } catch (error) {
    assert.ok(isSymbolonError(error) && error.code in SPIFFE_ERRORS, String(error));
    return undefined;
  }
}

describe("SpiffeId", () => {
  test("what is put together comes apart again, by text, by segments and by path", () => {
    fc.assert(
      fc.property(trustDomains, paths, (name, list) => {
        const trustDomain = TrustDomain.parse(name);
        const id = SpiffeId.fromSegments(trustDomain, ...list);
        const again = SpiffeId.parse(id.toString());
        assert.ok(again.equals(id) && id.equals(again));
        assert.ok(SpiffeId.fromPath(trustDomain, id.path).equals(id));
        assert.deepEqual([again.trustDomain.name, again.pathSegments], [name, list]);
        assert.equal(again.toString(), ["spiffe:/", name, ...list].join("/"));
        assert.ok(SpiffeId.parse(id.toString(), { normalize: true }).equals(id));
        assert.ok(id.memberOf(trustDomain) && trustDomain.id().memberOf(trustDomain));
      }),
      RUNS,
    );
  });

  test("accepts what the grammar accepts and nothing else, and keeps the text as it was", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          nearlyIds,
          fc.string({ unit: "binary" }).map((text) => `spiffe://${text}`),
        ),
        (text) => {
          const id = parsed(text);
          assert.equal(id !== undefined, isValid(text));
          assert.equal(id?.toString() ?? text, text);
        },
      ),
      RUNS,
    );
  });

  test("two IDs are equal when their texts are, and only then", () => {
    fc.assert(
      fc.property(nearlyIds, nearlyIds, (a, b) => {
        const [left, right] = [parsed(a), parsed(b)];
        if (left && right) assert.equal(left.equals(right), a === b);
        else assert.ok(!isValid(a) || !isValid(b));
      }),
      RUNS,
    );
  });

  test("normalising changes the case of scheme and trust domain, and accepts nothing more", () => {
    fc.assert(
      fc.property(nearlyIds, (text) => {
        const lower = text.replace(/^[^:]*:\/\/[^/]*/, (head) =>
          head.replace(/[A-Z]/g, (letter) => letter.toLowerCase()),
        );
        assert.equal(parsed(lower)?.toString(), normalised(text)?.toString());
      }),
      RUNS,
    );
  });
});

describe("TrustDomain", () => {
  test("reads its own name and its own ID", () => {
    fc.assert(
      fc.property(trustDomains, (name) => {
        const domain = TrustDomain.parse(name);
        assert.ok(TrustDomain.parse(domain.id().toString()).equals(domain));
        assert.equal(`${domain}`, name);
        assert.equal(JSON.stringify({ domain }), JSON.stringify({ domain: name }));
      }),
      RUNS,
    );
  });
});

function normalised(text: string): SpiffeId | undefined {
  try {
    return SpiffeId.parse(text, { normalize: true });
  } catch (error) {
    assert.ok(isSymbolonError(error));
    return undefined;
  }
}
