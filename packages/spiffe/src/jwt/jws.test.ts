import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, test } from "node:test";
import { encodeBase64Url, isSymbolonError } from "../core/index.ts";
import { createKeyPair } from "../x509/index.ts";
import { JWS_ALGORITHMS, type JwsAlgorithm } from "./algorithms.ts";
import { jwkFromPublicKey, parseJwkSet } from "./jwk-set.ts";
import { parseJwsCompact, signJws, verifyJws } from "./jws.ts";

const ec = createKeyPair();
const p384 = createKeyPair("ec-p384");
const p521 = generateKeyPairSync("ec", { namedCurve: "P-521" });
const rsa = createKeyPair("rsa-2048");
const ed = createKeyPair("ed25519");
const claims = { sub: "spiffe://td/web", n: 1 };

const setOf = (...keys: readonly (readonly [kid: string | undefined, publicKey: KeyObject])[]) =>
  parseJwkSet(
    JSON.stringify({
      keys: keys.map(([kid, publicKey]) => ({ ...jwkFromPublicKey(publicKey), kid })),
    }),
  );
const keySet = setOf(["ec", ec.publicKey], ["rsa", rsa.publicKey]);
const token = signJws(claims, { kid: "ec", privateKey: ec.privateKey });
const text = (value: unknown) => encodeBase64Url(new TextEncoder().encode(JSON.stringify(value)));

function refused(action: () => unknown, code: string, message: string): void {
  assert.throws(action, (error) => {
    assert.ok(isSymbolonError(error), String(error));
    assert.deepEqual([error.code, error.message], [code, message]);
    return true;
  });
}
const verify = (jws: string, algorithms: readonly JwsAlgorithm[] = JWS_ALGORITHMS, keys = keySet) =>
  verifyJws(jws, keys, { algorithms });

describe("signJws and verifyJws", () => {
  const table: readonly (readonly [JwsAlgorithm, { readonly privateKey: KeyObject; readonly publicKey: KeyObject }])[] =
    [
      ["ES256", ec],
      ["ES384", p384],
      ["ES512", p521],
      ["RS256", rsa],
      ["RS384", rsa],
      ["RS512", rsa],
      ["PS256", rsa],
      ["PS384", rsa],
      ["PS512", rsa],
      ["EdDSA", ed],
    ];
  for (const [algorithm, { privateKey, publicKey }] of table) {
    test(`round trip with ${algorithm}, allowed by name only`, () => {
      const keys = setOf(["k", publicKey]);
      const signed = signJws(claims, { kid: "k", privateKey, algorithm });
      const verified = verify(signed, [algorithm], keys);
      assert.deepEqual(verified.header, { alg: algorithm, kid: "k", typ: "JWT" });
      assert.deepEqual({ ...verified.claims }, claims);
      assert.equal(verified.key.kid, "k");
      const others = JWS_ALGORITHMS.filter((other) => other !== algorithm);
      const message = `token is signed with "${algorithm}", which is not allowed`;
      refused(() => verify(signed, others, keys), "ERR_JWT_ALGORITHM_NOT_ALLOWED", message);
    });
  }

  test("the key chooses the algorithm when nothing else is asked for", () => {
    const algorithms = [ec, p384, p521, rsa, ed].map(({ privateKey }) => {
      return parseJwsCompact(signJws({}, { kid: "k", privateKey })).header.alg;
    });
    assert.deepEqual(algorithms, ["ES256", "ES384", "ES512", "RS256", "EdDSA"]);
  });

  test("refuses to sign with an algorithm that is not the key's", () => {
    const message = 'a key of type "ec" cannot sign with ES384';
    const sign = () => signJws({}, { kid: "k", privateKey: ec.privateKey, algorithm: "ES384" });
    refused(sign, "ERR_KEY_UNSUPPORTED", message);
  });

  test("without a kid, each key that fits is tried", () => {
    const bare = signWithHeader({ alg: "ES256" }, ec.privateKey);
    const keys = setOf(["a", createKeyPair().publicKey], ["r", rsa.publicKey], ["b", ec.publicKey]);
    assert.equal(verify(bare, JWS_ALGORITHMS, keys).key.kid, "b");
    refused(
      () => verify(bare, JWS_ALGORITHMS, setOf(["r", rsa.publicKey])),
      "ERR_JWT_KEY_NOT_FOUND",
      "no key for ES256",
    );
  });

  test("with a kid, no other key is tried", () => {
    const keys = setOf(["ec", createKeyPair().publicKey], ["other", ec.publicKey]);
    refused(() => verify(token, JWS_ALGORITHMS, keys), "ERR_JWT_SIGNATURE_INVALID", "token signature does not verify");
    const unknown = signJws(claims, { kid: "gone", privateKey: ec.privateKey });
    refused(() => verify(unknown), "ERR_JWT_KEY_NOT_FOUND", 'no key "gone" for ES256');
    const mismatched = signWithHeader({ alg: "ES256", kid: "rsa" }, ec.privateKey);
    refused(() => verify(mismatched), "ERR_JWT_KEY_NOT_FOUND", 'no key "rsa" for ES256');
  });

  test("a key that names its algorithm verifies no other", () => {
    const keys = parseJwkSet({
      keys: [{ ...rsa.publicKey.export({ format: "jwk" }), kid: "r", alg: "PS256" } as never],
    });
    const signed = (algorithm: JwsAlgorithm) => signJws(claims, { kid: "r", privateKey: rsa.privateKey, algorithm });
    assert.ok(verify(signed("PS256"), JWS_ALGORITHMS, keys));
    refused(() => verify(signed("RS256"), JWS_ALGORITHMS, keys), "ERR_JWT_KEY_NOT_FOUND", 'no key "r" for RS256');
  });
});

describe("verifyJws refuses", () => {
  test("no algorithm, and the public key as an HMAC secret", () => {
    const unsigned = `${text({ alg: "none" })}.${text(claims)}.`;
    refused(
      () => verify(unsigned),
      "ERR_JWT_ALGORITHM_NOT_ALLOWED",
      'token is signed with "none", which is not allowed',
    );
    const input = `${text({ alg: "HS256", kid: "rsa" })}.${text(claims)}`;
    const secret = rsa.publicKey.export({ format: "pem", type: "spki" });
    const forged = `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
    const message = 'token is signed with "HS256", which is not allowed';
    refused(() => verify(forged), "ERR_JWT_ALGORITHM_NOT_ALLOWED", message);
    const dangerous = ["none", "HS256"] as unknown as JwsAlgorithm[];
    refused(
      () => verify(unsigned, dangerous),
      "ERR_JWT_ALGORITHM_NOT_ALLOWED",
      'token is signed with "none", which is not allowed',
    );
    refused(() => verify(forged, dangerous), "ERR_JWT_ALGORITHM_NOT_ALLOWED", message);
  });

  test("a key that the token brings along", () => {
    const mallory = createKeyPair();
    const jwk = mallory.publicKey.export({ format: "jwk" });
    const header = { alg: "ES256", kid: "ec", jwk, jku: "https://evil/keys", x5c: ["AAAA"] };
    refused(
      () => verify(signWithHeader(header, mallory.privateKey)),
      "ERR_JWT_SIGNATURE_INVALID",
      "token signature does not verify",
    );
  });

  test("critical header parameters, even those that name nothing unknown", () => {
    for (const extra of [{ crit: ["exp"], exp: 1 }, { crit: [] }, { crit: null }, { b64: false }, { b64: "true" }]) {
      refused(
        () => verify(signWithHeader({ alg: "ES256", kid: "ec", ...extra }, ec.privateKey)),
        "ERR_JWT_CRITICAL_HEADER",
        "token has a critical header parameter",
      );
    }
    assert.ok(verify(signWithHeader({ alg: "ES256", kid: "ec", b64: true }, ec.privateKey)));
  });

  test("signatures of zeros, cut short, in DER and swapped between tokens", () => {
    const { signingInput, signature } = parseJwsCompact(token);
    const input = new TextDecoder().decode(signingInput);
    const der = Uint8Array.of(0x30, 0x44, 2, 32, ...signature.subarray(0, 32), 2, 32, ...signature.subarray(32));
    const other = parseJwsCompact(signJws({ sub: "spiffe://td/other" }, { kid: "ec", privateKey: ec.privateKey }));
    for (const bad of [new Uint8Array(64), new Uint8Array(), signature.subarray(1), der, other.signature]) {
      refused(
        () => verify(`${input}.${encodeBase64Url(bad)}`),
        "ERR_JWT_SIGNATURE_INVALID",
        "token signature does not verify",
      );
    }
    assert.ok(verify(`${input}.${encodeBase64Url(signature)}`));
  });

  const [header = "", payload = "", signature = ""] = token.split(".");
  const malformed: readonly (readonly [why: string, jws: string, message: string])[] = [
    ["nothing", "", "malformed token: token does not have three parts"],
    ["two parts", `${header}.${payload}`, "malformed token: token does not have three parts"],
    ["four parts", `${token}.`, "malformed token: token does not have three parts"],
    ["the five parts of a JWE", `${token}.a.b`, "malformed token: token does not have three parts"],
    [
      "JSON serialisation",
      JSON.stringify({ payload, protected: header, signature }),
      "malformed token: token does not have three parts",
    ],
    ["padding", `${header}=.${payload}.${signature}`, "malformed token: header is not base64url"],
    [
      "the other base64 alphabet",
      `${header}.${payload}.+${signature.slice(1)}`,
      "malformed token: signature is not base64url",
    ],
    ["white space", `${header}.${payload} .${signature}`, "malformed token: payload is not base64url"],
    [
      "bits that are not used",
      `${header}.${payload}.${signature.slice(0, -1)}B`,
      "malformed token: signature is not base64url",
    ],
    ["a header that is no object", `${text([])}.${payload}.${signature}`, "malformed JSON: header is not an object"],
    ["a header without alg", `${text({ kid: "ec" })}.${payload}.${signature}`, 'malformed token: header has no "alg"'],
    [
      "an alg that is no text",
      `${text({ alg: ["ES256"] })}.${payload}.${signature}`,
      'malformed token: header has no "alg"',
    ],
    [
      "a kid that is no text",
      `${text({ alg: "ES256", kid: 1 })}.${payload}.${signature}`,
      'malformed token: "kid" is not a string',
    ],
    [
      "a typ that is no text",
      `${text({ alg: "ES256", typ: 1 })}.${payload}.${signature}`,
      'malformed token: "typ" is not a string',
    ],
  ];
  for (const [why, jws, message] of malformed) {
    test(`a token with ${why}`, () => refused(() => verify(jws), "ERR_JWT_MALFORMED", message));
  }

  test("two values for one name in the header", () => {
    const twice = encodeBase64Url(new TextEncoder().encode('{"alg":"ES256","alg":"none"}'));
    refused(
      () => verify(`${twice}.${payload}.${signature}`),
      "ERR_JWT_MALFORMED",
      'malformed JSON: duplicate key "alg"',
    );
  });

  test("more than 16 KiB, before anything is read", () => {
    const message = "token has 16385 characters, more than 16384";
    refused(() => verify("a".repeat(16_385)), "ERR_JWT_TOO_LARGE", message);
    refused(() => verify("a".repeat(16_384)), "ERR_JWT_MALFORMED", "malformed token: token does not have three parts");
  });
});

/** Properly signed, under a header that `signJws` would not write. */
function signWithHeader(header: Record<string, unknown>, privateKey: KeyObject): string {
  const input = `${text(header)}.${text(claims)}`;
  const signature = sign("sha256", new TextEncoder().encode(input), { key: privateKey, dsaEncoding: "ieee-p1363" });
  return `${input}.${encodeBase64Url(signature)}`;
}
