/**
 * All of Wycheproof's JOSE sets through the way of end users' tokens, from a folder beside the checkout. Where it is
 * missing no test is registered, and a line says so.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { checkSignature } from "./jws.ts";
import { parseProviderKeySet } from "./provider-key-set.ts";

const FOLDER = fileURLToPath(new URL("../../../../../shared/vectors/wycheproof/", import.meta.url));

interface Vectors {
  readonly numberOfTests: number;
  readonly testGroups: readonly {
    readonly comment: string;
    readonly public?: object;
    readonly private?: object;
    readonly tests: readonly Vector[];
  }[];
}
interface Vector {
  readonly tcId: number;
  readonly jws?: unknown;
  readonly jwe?: unknown;
  readonly result: string;
}

/** Each set with its cases that are valid and that we accept; all others must be refused. */
const SETS: readonly (readonly [file: string, tests: number, accepted: readonly number[], why: string])[] = [
  [
    "json_web_signature_test.json",
    401,
    // Not: 1, 348, 352, 357 to 377 (HS256); 346, 350 (PS384 with a key whose `alg` says PS256, RFC 7517 §4.4); 347, 351
    // (a key with the `alg` "ES521", which does not exist).
    [
      18, 33, 259, 260, 261, 262, 263, 264, 265, 266, 267, 268, 269, 270, 271, 272, 273, 274, 275, 287, 288, 320, 321,
      322, 323, 325, 326, 327, 328, 345, 349, 378,
    ],
    "valid and asymmetric",
  ],
  ["json_web_key_test.json", 26, [5], "valid and asymmetric"],
  ["json_web_crypto_test.json", 83, [18, 33], "valid, asymmetric and signed"],
  ["json_web_encryption_test.json", 139, [], "not encrypted"],
];

for (const [file, count, accepted, why] of SETS) {
  const path = FOLDER + file;
  if (!existsSync(path)) {
    console.log(`no tests with ${path}: it does not exist`);
    continue;
  }
  const { testGroups, numberOfTests }: Vectors = JSON.parse(readFileSync(path, "utf8"));
  describe(`wycheproof ${file}`, () => {
    test(`of ${count} tokens exactly those are accepted that are ${why}: ${accepted.length}`, () => {
      assert.equal(numberOfTests, count);
      const verified = testGroups.flatMap((group) =>
        group.tests.filter((vector) => verifies(vector, group.public ?? group.private)).map(({ tcId }) => tcId),
      );
      assert.deepEqual(verified, accepted);
    });
    test("none is accepted with a private or symmetric key in the set", () => {
      const verified = testGroups.flatMap((group) =>
        group.tests.filter((vector) => verifies(vector, group.private)).map(({ tcId }) => tcId),
      );
      assert.deepEqual(verified, []);
    });
  });
}

function verifies({ jws, jwe }: Vector, key: object | undefined): boolean {
  const token = jws ?? jwe;
  const set = key === undefined ? { keys: [] } : "keys" in key ? key : { keys: [key] };
  const parsed = parseProviderKeySet(JSON.stringify(set));
  const keys = parsed.kind === "ready" ? parsed.keys : { keys: [] };
  return checkSignature(typeof token === "string" ? token : JSON.stringify(token), keys) === "verified";
}
