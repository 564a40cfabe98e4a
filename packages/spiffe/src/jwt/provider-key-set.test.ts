import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, test } from "node:test";
import { encodeBase64Url, isSymbolonError } from "../core/index.ts";
import type { JwsAlgorithm } from "./algorithms.ts";
import { jwkFromPublicKey, parseJwkSet } from "./jwk-set.ts";
import { checkSignature, type SignatureVerdict, signJws } from "./jws.ts";
import { parseProviderKeySet } from "./provider-key-set.ts";

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ed = generateKeyPairSync("ed25519");
const jwk = (key: KeyObject): Record<string, unknown> => ({ ...key.export({ format: "jwk" }) });
const point = jwk(ec.publicKey);
const modulus = jwk(rsa.publicKey);
const numberOf = (value: bigint) => encodeBase64Url(Buffer.from(value.toString(16).padStart(512, "0"), "hex"));
const bigintOf = (text: unknown) => BigInt(`0x${Buffer.from(String(text), "base64url").toString("hex")}`);

const read = (...keys: unknown[]) => parseProviderKeySet(JSON.stringify({ keys }));
const set = (...keys: unknown[]) => {
  const parsed = read(...keys);
  assert.ok(parsed.kind === "ready", JSON.stringify(parsed));
  return parsed.keys;
};

describe("parseProviderKeySet", () => {
  test("takes keys of each kind", () => {
    assert.equal(set(point, jwk(p384.publicKey), modulus, jwk(ed.publicKey)).keys.length, 4);
  });
  test("keys may share a kid", () =>
    assert.equal(set({ ...point, kid: "k" }, { ...modulus, kid: "k" }).keys.length, 2));
  test("tells apart what is wrong with the set", () => {
    for (const text of [
      "",
      "<html>",
      "[]",
      "null",
      '{"keys":[],"keys":[]}',
      `{"keys":[${'{"kty":"EC","kty":"RSA"}'}]}`,
    ]) {
      assert.equal(parseProviderKeySet(text).kind, "not_json", text);
    }
    assert.equal(parseProviderKeySet("{}").kind, "no_keys");
    for (const keys of [{}, null, "x", 1])
      assert.equal(parseProviderKeySet(JSON.stringify({ keys })).kind, "keys_not_list");
    assert.equal(read().kind, "no_valid_keys");
    assert.equal(parseProviderKeySet(" ".repeat(1024 * 1024 + 1)).kind, "not_json");
  });

  const { d: _, ...okp } = jwk(ed.privateKey);
  const secrets: readonly (readonly [why: string, key: unknown])[] = [
    ["a private EC key", jwk(ec.privateKey)],
    ["a private RSA key", jwk(rsa.privateKey)],
    ["a private OKP key", jwk(ed.privateKey)],
    ["a symmetric key", { kty: "oct", k: "AAAA" }],
    ["a symmetric key without its value", { kty: "oct" }],
    ["an RSA key that carries a symmetric one", { ...modulus, k: "AAAA" }],
  ];
  for (const [why, key] of secrets) {
    test(`refuses the whole set for ${why}, wherever it stands (SR-47)`, () => {
      for (const keys of [[key], [jwk(ed.publicKey), key], [key, jwk(ed.publicKey)]]) {
        const parsed = read(...keys);
        assert.ok(parsed.kind === "no_valid_keys");
        assert.match(parsed.leftOut[0]?.reason ?? "", /is a private or symmetric key: all are refused$/);
        assert.equal(parsed.leftOut[0]?.index, keys.indexOf(key));
      }
    });
  }
  test("refuses the whole set for a secret key past the 256th", () =>
    assert.equal(read(...Array(257).fill(jwk(ed.publicKey)), jwk(ed.privateKey)).kind, "no_valid_keys"));

  const unusable: readonly (readonly [why: string, key: unknown, reason: RegExp])[] = [
    ["no kty", { ...point, kty: undefined }, /"kty" of key 0 is not a string$/],
    ["a kid that is no string", { ...point, kid: 1 }, /"kid" of key 0 is not a string$/],
    ["no object", "x", /^not an object$/],
    ["a key for encryption", { ...point, use: "enc" }, /^not a key for signatures/],
    ["a key that may not verify", { ...point, key_ops: ["encrypt"] }, /^not a key for signatures/],
    ["a symmetric algorithm", { ...modulus, alg: "HS256" }, /^not a key for signatures/],
    ["an unknown algorithm", { ...point, alg: "ES224" }, /^not a key for signatures/],
    ["an unknown type", { kty: "AKP" }, /^not a key for signatures/],
    ["an unknown curve", { ...point, crv: "secp256k1" }, /^not a key for signatures/],
    ["X25519", { ...okp, crv: "X25519" }, /^not a key for signatures/],
    ["Ed25519 as EC", { ...okp, kty: "EC" }, /^not a key for signatures/],
    ["an algorithm of another curve", { ...point, alg: "ES384" }, /is no key for ES384$/],
    ["an algorithm of another type", { ...modulus, alg: "ES256" }, /is no key for ES256$/],
    ["a point of another curve", { ...point, crv: "P-384" }, /is not a point on P-384$/],
    ["a point that is not on the curve", { ...point, y: point.x }, /is not a point on P-256$/],
    ["the point (0, 0)", { ...point, x: "A".repeat(43), y: "A".repeat(43) }, /is not a point on P-256$/],
    ["a coordinate that is cut", { ...point, x: String(point.x).slice(0, 40) }, /is not a point on P-256$/],
    ["no y", { ...point, y: undefined }, /"y" of key 0 is not base64url$/],
    ["base64 instead of base64url", { ...point, x: `+${String(point.x).slice(1)}` }, /"x" of key 0 is not base64url$/],
    ["half an Ed25519 key", { ...okp, x: "AAAA" }, /is malformed$/],
    [
      "RSA of 1024 bits",
      { ...modulus, n: numberOf(bigintOf(modulus.n) >> 1024n) },
      /has 10\d\d bits, wanted 2048 to 8192$/,
    ],
    ["RSA of 16384 bits", { ...modulus, n: encodeBase64Url(new Uint8Array(2048).fill(255)) }, /has 16384 bits/],
    ["an even modulus", { ...modulus, n: numberOf(bigintOf(modulus.n) ^ 1n) }, /is known to be weak$/],
    ["exponent 1", { ...modulus, e: "AQ" }, /exponent of key 0 is too small, too large or even$/],
    ["an even exponent", { ...modulus, e: "BA" }, /exponent of key 0 is too small, too large or even$/],
    ["an exponent of 40 bits", { ...modulus, e: "_____w8" }, /exponent of key 0 is too small, too large or even$/],
  ];
  for (const [why, key, reason] of unusable) {
    test(`leaves out ${why}, with its reason, and keeps its neighbours`, () => {
      const alone = read(key);
      assert.ok(alone.kind === "no_valid_keys");
      assert.equal(alone.leftOut.length, 1);
      assert.match(alone.leftOut[0]?.reason ?? "", reason);
      const beside = read(jwk(ed.publicKey), key);
      assert.ok(beside.kind === "ready");
      assert.deepEqual([beside.keys.keys.length, beside.leftOut.map(({ index }) => index)], [1, [1]]);
    });
  }
  test("leaves out keys past the 256th", () => {
    const parsed = read(...Array(258).fill(jwk(ed.publicKey)));
    assert.ok(parsed.kind === "ready");
    assert.deepEqual([parsed.keys.keys.length, parsed.leftOut.map(({ index }) => index)], [256, [256, 257]]);
  });
  test("parseJwkSet, for sets of our own, refuses the whole set instead", () => {
    for (const [why, key] of [
      ...secrets,
      ...unusable.filter(([, , reason]) => !reason.source.startsWith("^not a key")),
    ]) {
      const text = JSON.stringify({ keys: [jwk(ed.publicKey), key] });
      assert.throws(
        () => parseJwkSet(text),
        (error) => isSymbolonError(error) && error.code === "ERR_JWT_KEY_SET_INVALID",
        why,
      );
    }
  });
});

describe("checkSignature matches keys as Istio does (istio-security §2.5)", () => {
  const token = (kid?: string, options: { key?: KeyObject; algorithm?: JwsAlgorithm } = {}) => {
    const privateKey = options.key ?? rsa.privateKey;
    return signJws(
      { sub: "x" },
      { kid: kid as string, privateKey, ...(options.algorithm ? { algorithm: options.algorithm } : {}) },
    );
  };
  const other = jwk(generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey);
  const k = { ...modulus, kid: "k" };
  const table: readonly (readonly [why: string, token: string, keys: readonly unknown[], verdict: SignatureVerdict])[] =
    [
      ["the same kid", token("k"), [k], "verified"],
      ["another kid", token("l"), [k], "no_key"],
      ["no kid in the token: every key is tried", token(), [{ ...other, kid: "o" }, k], "verified"],
      ["an empty kid is none", token(""), [k], "verified"],
      ["no kid at the key: it matches any token", token("l"), [modulus], "verified"],
      ["an empty kid at the key is none", token("l"), [{ ...modulus, kid: "" }], "verified"],
      ["the same kid, and another key", token("k"), [{ ...other, kid: "k" }], "invalid"],
      ["two keys with the kid, the second verifies", token("k"), [{ ...other, kid: "k" }, k], "verified"],
      ["the alg of the key", token("k", { algorithm: "PS256" }), [{ ...k, alg: "PS256" }], "verified"],
      ["another alg of the same type", token("k", { algorithm: "PS256" }), [{ ...k, alg: "RS256" }], "no_key"],
      ["no alg at the key: any of its type", token("k", { algorithm: "PS512" }), [k], "verified"],
      ["a matching key of another type", token("k"), [{ ...point, kid: "k" }], "invalid"],
      ["a key of another curve", token("k", { key: p384.privateKey }), [{ ...point, kid: "k" }], "invalid"],
      ["Ed25519", token("k", { key: ed.privateKey }), [jwk(ed.publicKey)], "verified"],
      ["no keys at all", token("k"), [{ ...point, kid: "o" }], "no_key"],
    ];
  for (const [why, text, keys, verdict] of table)
    test(why, () => assert.equal(checkSignature(text, set(...keys)), verdict));

  test("what is no token, or of no algorithm that is supported, is invalid", () => {
    const header = (fields: object) => Buffer.from(JSON.stringify(fields)).toString("base64url");
    const [, payload, signature] = token("k").split(".");
    for (const fields of [
      { alg: "none" },
      { alg: "HS256" },
      { alg: "RS256", crit: ["exp"] },
      { alg: "RS256", b64: false },
      {},
    ]) {
      assert.equal(checkSignature(`${header(fields)}.${payload}.${signature}`, set(k)), "invalid");
    }
    for (const text of ["", "a.b", "a.b.c", `${token("k")}.x`, "A".repeat(20_000)]) {
      assert.equal(checkSignature(text, set(k)), "invalid");
    }
  });
  test("keys that the token brings along are not looked at", () => {
    const mallory = generateKeyPairSync("ed25519");
    const public_ = jwkFromPublicKey(mallory.publicKey, { kid: "k" });
    const input = `${Buffer.from(JSON.stringify({ alg: "EdDSA", kid: "k", jwk: public_, jku: "https://evil" })).toString("base64url")}.e30`;
    const bare = signJws({}, { kid: "k", privateKey: mallory.privateKey }).split(".")[2];
    assert.equal(checkSignature(`${input}.${bare}`, set({ ...jwk(ed.publicKey), kid: "k" })), "invalid");
  });
});
