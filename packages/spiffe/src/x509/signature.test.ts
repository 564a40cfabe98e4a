import assert from "node:assert/strict";
import { constants, generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { isSymbolonError } from "../core/index.ts";
import { contextConstructed } from "./der.ts";
import { encodeElement, encodeInteger, encodeNull, encodeOid, encodeSequence } from "./der-writer.ts";
import { createKeyPair, KEY_KINDS, keyPairOf } from "./key-pair.ts";
import { OID } from "./oid.ts";
import { signatureAlgorithmFor, signatureAlgorithmName, signDer, verifySignature } from "./signature.ts";

const message = new TextEncoder().encode("to be signed");
const flipped = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
const rsa = createKeyPair("rsa-2048");

for (const kind of KEY_KINDS.filter((name) => name !== "rsa-3072" && name !== "rsa-4096")) {
  test(`signs and verifies with ${kind}, and notices a change anywhere`, () => {
    const pair = kind === "rsa-2048" ? rsa : createKeyPair(kind);
    const { algorithm, signature } = signDer(pair.privateKey, message);
    assert.deepEqual(algorithm, signatureAlgorithmFor(pair.publicKey));
    assert.ok(verifySignature(pair.spki, algorithm, message, signature));
    assert.ok(verifySignature(pair.publicKey, algorithm, message, signature));
    assert.ok(!verifySignature(pair.publicKey, algorithm, flipped(message, 3), signature));
    assert.ok(!verifySignature(pair.publicKey, algorithm, message, flipped(signature, signature.length - 1)));
    assert.ok(!verifySignature(pair.publicKey, algorithm, message, signature.slice(1)));
    assert.ok(!verifySignature(pair.publicKey, algorithm, message, new Uint8Array()));
    const other = kind === "rsa-2048" ? createKeyPair("ec-p256") : createKeyPair(kind);
    assert.ok(!verifySignature(other.publicKey, algorithm, message, signature));
  });
}

test("the hash is as wide as the curve", () => {
  const name = (namedCurve: string) =>
    signatureAlgorithmName(signatureAlgorithmFor(generateKeyPairSync("ec", { namedCurve }).privateKey));
  assert.deepEqual(["P-256", "P-384", "P-521"].map(name), [
    "ecdsa-with-SHA256",
    "ecdsa-with-SHA384",
    "ecdsa-with-SHA512",
  ]);
});

test("verifies the hashes that others sign with", () => {
  const ec = createKeyPair("ec-p256");
  for (const [oid, hash] of [
    [OID.ecdsaWithSha384, "sha384"],
    [OID.ecdsaWithSha512, "sha512"],
  ] as const) {
    assert.ok(
      verifySignature(ec.publicKey, encodeSequence(encodeOid(oid)), message, sign(hash, message, ec.privateKey)),
    );
  }
  for (const [oid, hash] of [
    [OID.sha384WithRsa, "sha384"],
    [OID.sha512WithRsa, "sha512"],
  ] as const) {
    const algorithm = encodeSequence(encodeOid(oid), encodeNull());
    assert.ok(verifySignature(rsa.publicKey, algorithm, message, sign(hash, message, rsa.privateKey)));
  }
});

test("verifies PSS with the hash's own salt length, and no other", () => {
  const pss = (hashOid: string, saltLength: number) => {
    const hash = encodeSequence(encodeOid(hashOid), encodeNull());
    const parameters = encodeSequence(
      encodeElement(contextConstructed(0), hash),
      encodeElement(contextConstructed(1), encodeSequence(encodeOid(OID.mgf1), hash)),
      encodeElement(contextConstructed(2), encodeInteger(BigInt(saltLength))),
    );
    return encodeSequence(encodeOid(OID.rsaPss), parameters);
  };
  const signed = (saltLength: number) =>
    sign("sha256", message, { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
  assert.ok(verifySignature(rsa.publicKey, pss(OID.sha256, 32), message, signed(32)));
  assert.ok(!verifySignature(rsa.publicKey, pss(OID.sha256, 32), message, signed(20)));
  assert.ok(!verifySignature(rsa.publicKey, pss(OID.sha384, 48), message, signed(32)));
  assert.throws(() => verifySignature(rsa.publicKey, pss(OID.sha256, 20), message, signed(20)));
});

test("refuses algorithms that are not on the list", () => {
  const table: readonly (readonly [why: string, algorithm: Uint8Array])[] = [
    ["SHA-1 with RSA", encodeSequence(encodeOid("1.2.840.113549.1.1.5"), encodeNull())],
    ["MD5 with RSA", encodeSequence(encodeOid("1.2.840.113549.1.1.4"), encodeNull())],
    ["ECDSA with SHA-1", encodeSequence(encodeOid("1.2.840.10045.4.1"))],
    ["ECDSA with parameters", encodeSequence(encodeOid(OID.ecdsaWithSha256), encodeNull())],
    ["RSA without parameters", encodeSequence(encodeOid(OID.sha256WithRsa))],
    ["DSA", encodeSequence(encodeOid("2.16.840.1.101.3.4.3.2"))],
    ["nothing", new Uint8Array()],
  ];
  for (const [why, algorithm] of table) {
    assert.throws(
      () => verifySignature(rsa.publicKey, algorithm, message, new Uint8Array(256)),
      (error) => isSymbolonError(error) && error.code === "ERR_X509_SIGNATURE_ALGORITHM",
      why,
    );
  }
});

test("does not sign with keys of other kinds", () => {
  const { privateKey } = generateKeyPairSync("x25519");
  assert.throws(
    () => signatureAlgorithmFor(keyPairOf(privateKey).privateKey),
    (error) => isSymbolonError(error) && error.code === "ERR_KEY_UNSUPPORTED",
  );
});

test("believes no algorithm that the key is not for, though the signature itself is right", () => {
  const ec = createKeyPair("ec-p256");
  const underEcdsa = encodeSequence(encodeOid(OID.ecdsaWithSha256));
  const underRsa = encodeSequence(encodeOid(OID.sha256WithRsa), encodeNull());
  assert.ok(!verifySignature(rsa.publicKey, underEcdsa, message, sign("sha256", message, rsa.privateKey)));
  assert.ok(!verifySignature(ec.publicKey, underRsa, message, sign("sha256", message, ec.privateKey)));
  assert.ok(verifySignature(ec.publicKey, underEcdsa, message, sign("sha256", message, ec.privateKey)));
});
