/** `jose`, which knows nothing of SPIFFE, and our JWT-SVIDs and bundles: each reads what the other writes. */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, test } from "node:test";
import { createLocalJWKSet, exportJWK, jwtVerify, SignJWT } from "jose";
import { JwtBundle, JwtBundleSet, SpiffeBundle } from "../bundle/index.ts";
import { isSymbolonError } from "../core/index.ts";
import { SpiffeId, TrustDomain } from "../id/index.ts";
import { JWT_SVID_ALGORITHMS } from "./jwt-svid.ts";
import { signJwtSvid } from "./sign-jwt-svid.ts";
import { verifyJwtSvid } from "./verify-jwt-svid.ts";

const now = new Date("2026-01-01T00:00:00Z");
const seconds = now.getTime() / 1000;
const domain = TrustDomain.parse("example.org");
const web = SpiffeId.parse("spiffe://example.org/ns/foo/sa/web");

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const curves = { ES256: "P-256", ES384: "P-384", ES512: "P-521" } as const;
const pairs = new Map(
  JWT_SVID_ALGORITHMS.map((algorithm) => [
    algorithm,
    algorithm in curves ? generateKeyPairSync("ec", { namedCurve: curves[algorithm as keyof typeof curves] }) : rsa,
  ]),
);

/** The keys as jose writes them. */
async function bundleByJose(publicKey: KeyObject): Promise<JwtBundle> {
  const jwk = { ...(await exportJWK(publicKey)), kid: "k" };
  return JwtBundle.fromJwkSet(domain, JSON.stringify({ keys: [jwk] }));
}

for (const algorithm of JWT_SVID_ALGORITHMS) {
  const pair = pairs.get(algorithm);
  assert.ok(pair);
  describe(`${algorithm} between jose and us`, () => {
    test("we verify what jose signs, by keys that jose writes", async () => {
      const token = await new SignJWT({})
        .setProtectedHeader({ alg: algorithm, kid: "k", typ: "JWT" })
        .setSubject(web.toString())
        .setAudience(["other", "api"])
        .setIssuedAt(seconds)
        .setExpirationTime(seconds + 60)
        .sign(pair.privateKey);
      const bundles = JwtBundleSet.of(await bundleByJose(pair.publicKey));
      const svid = verifyJwtSvid(token, bundles, { audiences: ["api"], now });
      assert.deepEqual([svid.spiffeId.toString(), svid.algorithm], [web.toString(), algorithm]);
      const later = { audiences: ["api"], now: new Date(now.getTime() + 60_000) };
      assert.throws(
        () => verifyJwtSvid(token, bundles, later),
        (error) => isSymbolonError(error) && error.code === "ERR_JWT_EXPIRED",
      );
    });

    test("jose verifies what we sign, by the bundle that we write", async () => {
      const expiresAt = new Date(now.getTime() + 60_000);
      const { token } = signJwtSvid(
        { spiffeId: web, audiences: ["api"], issuedAt: now, expiresAt },
        { keyId: "k", privateKey: pair.privateKey, algorithm },
      );
      const bundle = await bundleByJose(pair.publicKey);
      const options = { audience: "api", currentDate: now, algorithms: [algorithm] };
      const { payload } = await jwtVerify(token.expose(), createLocalJWKSet(JSON.parse(bundle.json)), options);
      assert.deepEqual(payload, { sub: web.toString(), aud: ["api"], exp: seconds + 60, iat: seconds });
      await assert.rejects(
        jwtVerify(token.expose(), createLocalJWKSet(JSON.parse(bundle.json)), { ...options, audience: "other" }),
      );

      // jose leaves keys alone whose `use` is not "sig": the document is for SPIFFE readers, the bundle for all.
      const document = SpiffeBundle.of(domain, { x509Authorities: [], jwtAuthorities: bundle.jwtAuthorities });
      await assert.rejects(jwtVerify(token.expose(), createLocalJWKSet(JSON.parse(document.json)), options));
      const readBack = SpiffeBundle.parse(domain, document.json).jwtBundle;
      await jwtVerify(token.expose(), createLocalJWKSet(JSON.parse(readBack.json)), options);
    });
  });
}
