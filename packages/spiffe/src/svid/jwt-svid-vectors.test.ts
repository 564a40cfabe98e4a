/**
 * Wycheproof's JOSE sets through the verification of JWT-SVIDs, from a folder beside the checkout. Where it is missing no
 * test is registered, and a line says so.
 */
import assert from "node:assert/strict";
import { createPrivateKey, type JsonWebKey } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { JwtBundle, JwtBundleSet } from "../bundle/index.ts";
import { encodeBase64Url, encodeUtf8, isSymbolonError } from "../core/index.ts";
import { SpiffeId, TrustDomain } from "../id/index.ts";
import { type JwsAlgorithm, parseProviderKeySet } from "../jwt/index.ts";
import { signJwtSvid } from "./sign-jwt-svid.ts";
import { verifyJwtSvid } from "./verify-jwt-svid.ts";

const FOLDER = fileURLToPath(new URL("../../../../../shared/vectors/wycheproof/", import.meta.url));
const now = new Date("2026-01-01T00:00:00Z");
const domain = TrustDomain.parse("example.org");
const web = SpiffeId.parse("spiffe://example.org/web");
const expiresAt = new Date(now.getTime() + 60_000);
const PAYLOAD = encodeBase64Url(
  encodeUtf8(JSON.stringify({ sub: web.toString(), aud: ["api"], exp: expiresAt.getTime() / 1000 })),
);

type Key = Readonly<Record<string, unknown>>;
interface Group {
  readonly public?: Key | { readonly keys: readonly Key[] };
  readonly private?: Key | { readonly keys: readonly Key[] };
  readonly tests: readonly { readonly tcId: number; readonly jws?: unknown }[];
}

/** Each set with the tokens in it, and how many of its groups have a sound key of the nine algorithms that is for signatures. */
const SETS: readonly (readonly [file: string, tokens: number, usableGroups: number])[] = [
  ["json_web_signature_test.json", 401, 13],
  ["json_web_key_test.json", 26, 1],
  ["json_web_crypto_test.json", 49, 2],
];

for (const [file, tokens, usableGroups] of SETS) {
  if (!existsSync(FOLDER + file)) {
    console.log(`no tests with ${FOLDER}${file}: it does not exist`);
    continue;
  }
  const { testGroups }: { readonly testGroups: readonly Group[] } = JSON.parse(readFileSync(FOLDER + file, "utf8"));
  describe(`verifyJwtSvid and wycheproof ${file}`, () => {
    const vectors = testGroups.flatMap((group) =>
      group.tests.flatMap(({ tcId, jws }) => (jws === undefined ? [] : [{ tcId, jws, bundles: bundlesOf(group) }])),
    );

    test(`none of ${tokens} tokens passes as it is: none is a JWT-SVID`, () => {
      assert.equal(vectors.length, tokens);
      assert.deepEqual(acceptedOf(vectors.map((vector) => ({ ...vector, token: textOf(vector.jws) }))), []);
    });

    test("no header and no signature of them passes around the claims of a JWT-SVID that was never signed", () => {
      const forged = vectors.map((vector) => {
        const [header = "", , ...signature] = textOf(vector.jws).split(".");
        return { ...vector, token: [header, PAYLOAD, ...signature].join(".") };
      });
      assert.deepEqual(acceptedOf(forged), []);
    });

    test(`JWT-SVIDs signed with the keys of ${usableGroups} groups pass`, () => {
      const passed = testGroups.filter((group) => signers(group).some((signer) => passesWhenSigned(signer, group)));
      assert.equal(passed.length, usableGroups);
    });
  });
}

/** A vector may be no text: then it is the JSON serialisation, which is none of a JWT-SVID. */
function textOf(jws: unknown): string {
  return typeof jws === "string" ? jws : JSON.stringify(jws);
}

function keysOf(side: Group["public"]): readonly Key[] {
  if (side === undefined) return [];
  return "keys" in side && Array.isArray(side.keys) ? side.keys : [side as Key];
}

function bundlesOf(group: Group): JwtBundleSet {
  const set = parseProviderKeySet(JSON.stringify({ keys: keysOf(group.public) }));
  const keys = set.kind === "ready" ? set.keys.keys.filter(({ kid }) => kid !== undefined) : [];
  return JwtBundleSet.of(JwtBundle.fromKeys(domain, keys));
}

function acceptedOf(
  vectors: readonly { readonly tcId: number; readonly token: string; readonly bundles: JwtBundleSet }[],
) {
  return vectors.filter(({ token, bundles }) => passes(token, bundles)).map(({ tcId }) => tcId);
}

function passes(token: string, bundles: JwtBundleSet): boolean {
  try {
    verifyJwtSvid(token, bundles, { audiences: ["api"], now });
    return true;
  } catch (error) {
    assert.ok(isSymbolonError(error), String(error));
    return false;
  }
}

function signers(group: Group): readonly Key[] {
  return keysOf(group.private).filter(({ kty, kid }) => kty !== "oct" && typeof kid === "string");
}

function passesWhenSigned(jwk: Key, group: Group): boolean {
  try {
    const { kty, n, e, d, p, q, dp, dq, qi, crv, x, y } = jwk;
    const members = kty === "RSA" ? { kty, n, e, d, p, q, dp, dq, qi } : { kty, crv, x, y, d };
    // JSON of the test set; what is no key is refused by the runtime.
    const privateKey = createPrivateKey({ key: members as JsonWebKey, format: "jwk" });
    const algorithm = jwk.alg as Exclude<JwsAlgorithm, "EdDSA"> | undefined;
    const key = { keyId: String(jwk.kid), privateKey, ...(algorithm === undefined ? {} : { algorithm }) };
    const svid = signJwtSvid({ spiffeId: web, audiences: ["api"], issuedAt: now, expiresAt }, key);
    return passes(svid.token.expose(), bundlesOf(group));
  } catch {
    return false;
  }
}
