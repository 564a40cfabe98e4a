import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, test } from "node:test";
import { JwtBundle, JwtBundleSet } from "../bundle/index.ts";
import { encodeBase64Url, encodeUtf8, isSymbolonError } from "../core/index.ts";
import { SpiffeId, TrustDomain } from "../id/index.ts";
import { jwkFromPublicKey, signJws } from "../jwt/index.ts";
import { JWT_SVID_ALGORITHMS, parseJwtSvidInsecure } from "./jwt-svid.ts";
import { signJwtSvid } from "./sign-jwt-svid.ts";
import { verifyJwtSvid } from "./verify-jwt-svid.ts";

const now = new Date("2026-01-01T00:00:00Z");
const nowSeconds = now.getTime() / 1000;
const domain = TrustDomain.parse("example.org");
const web = SpiffeId.parse("spiffe://example.org/ns/foo/sa/web");
const good = { sub: web.toString(), aud: "api", exp: nowSeconds + 300 };

const ec = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve });
const p256 = ec("P-256");
const keys = {
  ES256: p256,
  ES384: ec("P-384"),
  ES512: ec("P-521"),
  RSA: generateKeyPairSync("rsa", { modulusLength: 2048 }),
};
const keyOf = (algorithm: string) => (algorithm in keys ? keys[algorithm as keyof typeof keys] : keys.RSA);

const bundleOf = (
  publicKeys: Readonly<Record<string, KeyObject>>,
  members: Readonly<Record<string, unknown>> = {},
  trustDomain = domain,
) =>
  JwtBundle.fromJwkSet(
    trustDomain,
    JSON.stringify({
      keys: Object.entries(publicKeys).map(([kid, key]) => {
        const { use: _use, alg: _alg, ...jwk } = jwkFromPublicKey(key, { kid });
        return { ...jwk, ...members };
      }),
    }),
  );
const bundles = JwtBundleSet.of(
  bundleOf({
    ES256: p256.publicKey,
    ES384: keys.ES384.publicKey,
    ES512: keys.ES512.publicKey,
    RSA: keys.RSA.publicKey,
  }),
);
const options = { audiences: ["api"], now };

const signed = (
  claims: Readonly<Record<string, unknown>>,
  { kid = "ES256", privateKey = p256.privateKey, typ = "JWT" } = {},
) => signJws(claims, { kid, privateKey, typ });
/** A token with any header and payload at all, and a true signature of P-256. */
const withHeader = (header: Readonly<Record<string, unknown>>, payload: string = JSON.stringify(good)): string => {
  const part = (text: string) => encodeBase64Url(encodeUtf8(text));
  const input = `${part(JSON.stringify(header))}.${part(payload)}`;
  const { sign } = process.getBuiltinModule("node:crypto");
  const key = { key: p256.privateKey, dsaEncoding: "ieee-p1363" as const };
  return `${input}.${encodeBase64Url(sign("sha256", encodeUtf8(input), key))}`;
};
const verify = (token: string, audiences = options.audiences, at = now, leewaySeconds = 0) =>
  verifyJwtSvid(token, bundles, { audiences, now: at, leewaySeconds });

function refused(action: () => unknown, code: string): void {
  assert.throws(action, (error) => {
    assert.ok(isSymbolonError(error), String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}
const refusedToken = (token: string, code: string) => refused(() => verify(token), code);

describe("J1: the algorithm is one of nine, and the key fits it", () => {
  for (const algorithm of JWT_SVID_ALGORITHMS) {
    test(`${algorithm} verifies with its own kind of key`, () => {
      const kid = algorithm in keys ? algorithm : "RSA";
      const token = signJws(good, { kid, privateKey: keyOf(algorithm).privateKey, algorithm });
      assert.equal(verify(token).algorithm, algorithm);
    });
    test(`${algorithm} does not with the key of another algorithm`, () => {
      const token = signJws(good, { kid: "ES256", privateKey: keyOf(algorithm).privateKey, algorithm });
      const other = JwtBundleSet.of(bundleOf({ ES256: algorithm === "ES256" ? keys.ES384.publicKey : p256.publicKey }));
      refused(() => verifyJwtSvid(token, other, options), "ERR_JWT_KEY_NOT_FOUND");
    });
  }
  test("EdDSA, HS256, none and other spellings are refused before the bundle is asked for", () => {
    const elsewhere = JSON.stringify({ ...good, sub: "spiffe://nowhere/x" });
    for (const alg of ["EdDSA", "HS256", "HS384", "HS512", "none", "None", "es256", "ES256K", "RS1", ""])
      refusedToken(withHeader({ alg, kid: "ES256" }, elsewhere), "ERR_JWT_ALGORITHM_NOT_ALLOWED");
    const ed25519 = generateKeyPairSync("ed25519");
    refusedToken(signed(good, { privateKey: ed25519.privateKey }), "ERR_JWT_ALGORITHM_NOT_ALLOWED");
  });
  test("a key that names its algorithm verifies no other one", () => {
    const psOnly = JwtBundleSet.of(bundleOf({ RSA: keys.RSA.publicKey }, { alg: "PS256" }));
    const token = (algorithm: "PS256" | "RS256") =>
      signJws(good, { kid: "RSA", privateKey: keys.RSA.privateKey, algorithm });
    assert.ok(verifyJwtSvid(token("PS256"), psOnly, options));
    refused(() => verifyJwtSvid(token("RS256"), psOnly, options), "ERR_JWT_KEY_NOT_FOUND");
  });
});

describe("J2: kid", () => {
  test("a token without one is verified by whichever key of the domain fits", () => {
    const several = JwtBundleSet.of(bundleOf({ a: ec("P-256").publicKey, b: keys.RSA.publicKey, c: p256.publicKey }));
    const svid = verifyJwtSvid(withHeader({ alg: "ES256" }), several, options);
    assert.equal(svid.keyId, undefined);
    assert.equal(svid.spiffeId.toString(), web.toString());
  });
  test("without one and without a key that verifies it is refused", () => {
    const other = JwtBundleSet.of(bundleOf({ a: ec("P-256").publicKey }));
    refused(() => verifyJwtSvid(withHeader({ alg: "ES256" }), other, options), "ERR_JWT_SIGNATURE_INVALID");
  });
  test("with one, no other key is tried", () => {
    refusedToken(withHeader({ alg: "ES256", kid: "es256" }), "ERR_JWT_KEY_NOT_FOUND");
    refusedToken(withHeader({ alg: "ES256", kid: "" }), "ERR_JWT_KEY_NOT_FOUND");
  });
});

describe("J3 and J4: the header", () => {
  test("typ is absent, JWT or JOSE", () => {
    for (const typ of [undefined, "JWT", "JOSE"]) assert.ok(verify(withHeader({ alg: "ES256", kid: "ES256", typ })));
    for (const typ of ["jwt", "at+jwt", "wit+jwt", "application/jwt", "JWT ", ""])
      refusedToken(withHeader({ alg: "ES256", kid: "ES256", typ }), "ERR_JWT_TYPE_NOT_ALLOWED");
  });
  test("a critical parameter is refused, whatever it names", () => {
    for (const crit of [["exp"], ["b64"], [], "exp", null])
      refusedToken(withHeader({ alg: "ES256", kid: "ES256", crit }), "ERR_JWT_CRITICAL_HEADER");
    refusedToken(withHeader({ alg: "ES256", kid: "ES256", b64: false }), "ERR_JWT_CRITICAL_HEADER");
  });
  test("a key that the token brings along is not used, and an unknown parameter does no harm", () => {
    const stranger = ec("P-256");
    const jwk = jwkFromPublicKey(stranger.publicKey);
    const header = { alg: "ES256", kid: "ES256", jwk, jku: "https://evil.example/k", x5u: "x", x5c: ["AA=="] };
    assert.ok(verify(withHeader(header)));
    const byStranger = signJws(good, { kid: "ES256", privateKey: stranger.privateKey });
    refusedToken(byStranger, "ERR_JWT_SIGNATURE_INVALID");
  });
});

describe("J5: sub is the workload's SPIFFE ID", () => {
  test("missing, empty and other types are refused", () => {
    for (const sub of [undefined, "", 1, null, [web.toString()], { id: web.toString() }])
      refusedToken(signed({ ...good, sub }), "ERR_JWT_CLAIM_INVALID");
  });
  test("what is no SPIFFE ID, and the trust domain's own, are refused", () => {
    for (const sub of ["web", "https://example.org/web", "SPIFFE://example.org/web", "spiffe://example.org/web/"])
      refusedToken(signed({ ...good, sub }), "ERR_SVID_SPIFFE_ID_INVALID");
    refusedToken(signed({ ...good, sub: "spiffe://example.org" }), "ERR_SVID_PATH_MISSING");
  });
  test("each of the 256 characters in the path passes exactly if the grammar has it", () => {
    const accepted = characters((character) => `spiffe://example.org/a${character}b`);
    assert.equal(accepted, "-./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");
  });
  test("each of the 256 characters in the trust domain passes the parser exactly if the grammar has it", () => {
    const accepted = characters(
      (character) => `spiffe://a${character}b/web`,
      (token) => parseJwtSvidInsecure(token),
    );
    // "/" ends the trust domain.
    assert.equal(accepted, "-./0123456789_abcdefghijklmnopqrstuvwxyz");
  });
});

describe("J6: the audience", () => {
  test("one of the token's is one of those wanted", () => {
    assert.deepEqual(verify(signed(good)).audiences, ["api"]);
    assert.ok(verify(signed({ ...good, aud: ["other", "api"] })));
    assert.ok(verify(signed(good), ["web", "api"]));
  });
  test("another one, a part, other case and nothing wanted are refused", () => {
    for (const aud of ["other", "ap", "api2", "API", " api", ["other", "api/"]])
      refusedToken(signed({ ...good, aud }), "ERR_JWT_AUDIENCE");
    refused(() => verify(signed(good), []), "ERR_JWT_AUDIENCE");
    refused(() => verify(signed(good), [""]), "ERR_JWT_AUDIENCE");
  });
  test("missing, empty and other types are refused", () => {
    for (const aud of [undefined, "", [], [""], ["api", ""], ["api", 1], 1, null, { 0: "api" }])
      refusedToken(signed({ ...good, aud }), "ERR_JWT_CLAIM_INVALID");
  });
});

describe("J7 and J8: times", () => {
  const at = (milliseconds: number) => new Date(now.getTime() + milliseconds);
  test("exp is missing, or no whole number of seconds", () => {
    for (const exp of [undefined, null, "2000000000", Number.NaN, 1.5, -1, 1e15, true, [nowSeconds + 1]])
      refusedToken(signed({ ...good, exp }), "ERR_JWT_CLAIM_INVALID");
  });
  test("the token ends at the second of exp, and at the end of the leeway", () => {
    const token = signed({ ...good, exp: nowSeconds });
    assert.ok(verify(token, ["api"], at(-1)));
    refused(() => verify(token, ["api"], now), "ERR_JWT_EXPIRED");
    assert.ok(verify(token, ["api"], at(4999), 5));
    refused(() => verify(token, ["api"], at(5000), 5), "ERR_JWT_EXPIRED");
  });
  test("it begins at the second of nbf, or a leeway before", () => {
    const token = signed({ ...good, nbf: nowSeconds });
    assert.ok(verify(token));
    refused(() => verify(token, ["api"], at(-1)), "ERR_JWT_NOT_YET_VALID");
    assert.ok(verify(token, ["api"], at(-5000), 5));
    refused(() => verify(token, ["api"], at(-5001), 5), "ERR_JWT_NOT_YET_VALID");
  });
  test("a clock that is no time accepts nothing", () => {
    refused(() => verify(signed(good), ["api"], new Date(Number.NaN)), "ERR_JWT_EXPIRED");
    refused(() => verify(signed(good), ["api"], now, Number.NaN), "ERR_JWT_EXPIRED");
  });
});

test("J9: private claims are handed on, iat in the future and a repeated jti do not matter", () => {
  const token = signed({ ...good, iat: nowSeconds + 60, jti: "1", iss: "https://x", roles: ["a"], n: { m: 1 } });
  for (const svid of [verify(token), verify(token)]) {
    assert.deepEqual(svid.claims.roles, ["a"]);
    assert.deepEqual({ ...(svid.claims.n as object) }, { m: 1 });
    assert.equal(svid.claims.jti, "1");
    assert.deepEqual(svid.issuedAt, new Date(now.getTime() + 60_000));
  }
});

describe("J11: the bundle of the subject's own trust domain", () => {
  const other = TrustDomain.parse("other.org");
  const theirs = ec("P-256");
  const both = bundles.with(bundleOf({ ES256: theirs.publicKey }, {}, other));
  test("is the only one that counts", () => {
    const token = signed({ ...good, sub: "spiffe://other.org/web" }, { privateKey: theirs.privateKey });
    assert.equal(verifyJwtSvid(token, both, options).spiffeId.trustDomain.name, "other.org");
    const forged = signed(good, { privateKey: theirs.privateKey });
    refused(() => verifyJwtSvid(forged, both, options), "ERR_JWT_SIGNATURE_INVALID");
  });
  test("missing, nobody of the domain is trusted; empty, neither", () => {
    refusedToken(signed({ ...good, sub: "spiffe://other.org/web" }), "ERR_BUNDLE_NOT_FOUND");
    refusedToken(signed({ ...good, sub: "spiffe://example.org.evil/web" }), "ERR_BUNDLE_NOT_FOUND");
    const empty = JwtBundleSet.of(bundleOf({}));
    refused(() => verifyJwtSvid(signed(good), empty, options), "ERR_JWT_KEY_NOT_FOUND");
  });
});

describe("the serialisation", () => {
  test("is compact: JSON, other numbers of parts and padding are refused", () => {
    const token = signed(good);
    const [header, payload, signature] = token.split(".");
    const json = JSON.stringify({ payload, protected: header, signature });
    for (const text of [
      "",
      ".",
      "..",
      json,
      `${header}.${payload}`,
      `${token}.`,
      `${token}=`,
      ` ${token}`,
      `${token}\n`,
    ])
      refused(() => verify(text), "ERR_JWT_MALFORMED");
    refusedToken(withHeader({ alg: "ES256", kid: "ES256" }, "x".repeat(17_000)), "ERR_JWT_TOO_LARGE");
  });
  test("has each claim once, and an object as payload", () => {
    const twice = JSON.stringify(good).replace("{", '{"sub":"spiffe://example.org/admin",');
    for (const payload of [twice, "[]", '"x"', "", "{", `${JSON.stringify(good)} x`])
      refusedToken(withHeader({ alg: "ES256", kid: "ES256" }, payload), "ERR_JWT_MALFORMED");
  });
  test("a changed character anywhere refuses the token", () => {
    const token = signed(good);
    for (let at = 0; at < token.length; at++) {
      const changed = token[at] === "A" ? "B" : "A";
      assert.throws(() => verify(token.slice(0, at) + changed + token.slice(at + 1)), `at ${at}`);
    }
  });
});

test("a token reaches no log: its text is a Secret", () => {
  const token = signed(good);
  const svid = verify(token);
  assert.equal(svid.token.expose(), token);
  assert.ok(!JSON.stringify(svid).includes(token.slice(-20)));
});

describe("signJwtSvid", () => {
  const template = { spiffeId: web, audiences: ["api"], issuedAt: now, expiresAt: new Date(now.getTime() + 300_900) };
  test("writes the closed set of headers and claims, with ES256 for a P-256 key (J1 to J7)", () => {
    const svid = signJwtSvid(template, { keyId: "ES256", privateKey: p256.privateKey });
    const [header = ""] = svid.token.expose().split(".");
    const read = JSON.parse(Buffer.from(header, "base64url").toString());
    assert.deepEqual(read, { alg: "ES256", kid: "ES256", typ: "JWT" });
    assert.deepEqual(
      { ...svid.claims },
      {
        sub: web.toString(),
        aud: ["api"],
        exp: nowSeconds + 300,
        iat: nowSeconds,
      },
    );
    assert.equal(verify(svid.token.expose()).expiresAt.getTime(), svid.expiresAt.getTime());
  });
  test("signs with each algorithm that its key fits, RS256 for RSA unless told otherwise", () => {
    for (const algorithm of JWT_SVID_ALGORITHMS) {
      const { privateKey } = keyOf(algorithm);
      const keyId = algorithm in keys ? algorithm : "RSA";
      assert.ok(verify(signJwtSvid(template, { keyId, privateKey, algorithm }).token.expose()));
    }
    assert.equal(signJwtSvid(template, { keyId: "RSA", privateKey: keys.RSA.privateKey }).algorithm, "RS256");
  });
  test("refuses keys that sign no JWT-SVID", () => {
    const ed25519 = generateKeyPairSync("ed25519").privateKey;
    const small = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
    const sign = (privateKey: KeyObject, keyId = "k") => signJwtSvid(template, { keyId, privateKey });
    refused(() => sign(ed25519), "ERR_KEY_UNSUPPORTED");
    refused(() => sign(p256.publicKey), "ERR_KEY_UNSUPPORTED");
    refused(() => sign(p256.privateKey, ""), "ERR_KEY_UNSUPPORTED");
    refused(() => sign(small), "ERR_KEY_SIZE");
    const wrong = { keyId: "k", privateKey: p256.privateKey, algorithm: "ES384" } as const;
    refused(() => signJwtSvid(template, wrong), "ERR_KEY_UNSUPPORTED");
  });
  test("makes no token that it would not read itself", () => {
    const key = { keyId: "ES256", privateKey: p256.privateKey };
    refused(() => signJwtSvid({ ...template, spiffeId: domain.id() }, key), "ERR_SVID_PATH_MISSING");
    for (const audiences of [[], [""], ["api", ""]])
      refused(() => signJwtSvid({ ...template, audiences }, key), "ERR_JWT_CLAIM_INVALID");
    refused(() => signJwtSvid({ ...template, audiences: ["\ud800"] }, key), "ERR_JWT_MALFORMED");
    refused(() => signJwtSvid({ ...template, audiences: ["x".repeat(20_000)] }, key), "ERR_JWT_TOO_LARGE");
    refused(() => signJwtSvid({ ...template, expiresAt: new Date(now.getTime() + 999) }, key), "ERR_JWT_CLAIM_INVALID");
    refused(() => signJwtSvid({ ...template, expiresAt: new Date(Number.NaN) }, key), "ERR_JWT_CLAIM_INVALID");
  });
});

/** Which of U+0000 to U+00FF are accepted at one place of `sub`. */
function characters(subject: (character: string) => string, accept: (token: string) => unknown = verify): string {
  return Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))
    .filter((character) => {
      try {
        return accept(signed({ ...good, sub: subject(character) })) !== undefined;
      } catch (error) {
        assert.ok(isSymbolonError(error), String(error));
        assert.equal(error.code, "ERR_SVID_SPIFFE_ID_INVALID");
        return false;
      }
    })
    .join("");
}
