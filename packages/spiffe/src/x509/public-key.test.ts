import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";
import { isSymbolonError } from "../core/index.ts";
import { encodeBitString, encodeElement, encodeInteger, encodeNull, encodeOid, encodeSequence } from "./der-writer.ts";
import { createKeyPair, keyIdentifier, keyPairOf, parsePrivateKeyPem, spkiOf } from "./key-pair.ts";
import { OID } from "./oid.ts";
import { checkPublicKeyPolicy } from "./public-key.ts";

const ecSpki = (parameters: Uint8Array, point: Uint8Array): Uint8Array =>
  encodeSequence(encodeSequence(encodeOid(OID.ecPublicKey), parameters), encodeBitString(point));
const rsaSpki = (modulus: bigint, exponent: bigint, parameters: Uint8Array = encodeNull()): Uint8Array =>
  encodeSequence(
    encodeSequence(encodeOid(OID.rsaEncryption), parameters),
    encodeBitString(encodeSequence(encodeInteger(modulus), encodeInteger(exponent))),
  );

const p256 = createKeyPair("ec-p256");
const point = p256.spki.slice(-65);
/** The largest number of `bits` bits that no prime up to 167 divides. */
const hardModulus = (bits: bigint): bigint => {
  const primes = [2n, 3n, 5n, 7n, 11n, 13n];
  for (let prime = 17n; prime <= 167n; prime += 2n) if (primes.every((p) => prime % p !== 0n)) primes.push(prime);
  for (let n = (1n << bits) - 1n; ; n -= 2n) if (primes.every((p) => n % p !== 0n)) return n;
};
/** A modulus as the generator of CVE-2017-15361 makes it: 65537^a modulo the product of the first primes. */
const rocaModulus = (): bigint => {
  let product = 1n;
  for (let n = 2n; n <= 167n; n++) if (product % n !== 0n && isPrime(n)) product *= n;
  let residue = 1n;
  for (let i = 0; i < 1234; i++) residue = (residue * 65537n) % product;
  return residue + product * ((1n << 2047n) / product + 1n);
};
const isPrime = (n: bigint): boolean => {
  for (let d = 2n; d * d <= n; d++) if (n % d === 0n) return false;
  return true;
};

describe("checkPublicKeyPolicy", () => {
  test("lets the kinds of the policy pass", () => {
    assert.deepEqual(checkPublicKeyPolicy(p256.spki), { kind: "ec", curve: "P-256", bits: 256 });
    const p384 = createKeyPair("ec-p384").spki;
    assert.deepEqual(checkPublicKeyPolicy(p384), { kind: "ec", curve: "P-384", bits: 384 });
    const p521 = spkiOf(generateKeyPairSync("ec", { namedCurve: "P-521" }).publicKey);
    assert.deepEqual(checkPublicKeyPolicy(p521), { kind: "ec", curve: "P-521", bits: 521 });
    assert.deepEqual(checkPublicKeyPolicy(createKeyPair("ed25519").spki), { kind: "ed25519", bits: 256 });
    assert.deepEqual(checkPublicKeyPolicy(createKeyPair("rsa-2048").spki), { kind: "rsa", bits: 2048 });
    assert.deepEqual(checkPublicKeyPolicy(rsaSpki(hardModulus(4096n), 65537n)), { kind: "rsa", bits: 4096 });
  });

  test("a key that has passed says nothing for one that differs in a bit, nor for itself once its bytes have changed", () => {
    const spki = Uint8Array.from(createKeyPair("ec-p256").spki);
    assert.equal(checkPublicKeyPolicy(spki).kind, "ec");
    const last = spki.length - 1;
    const refusedPoint = (error: unknown) => isSymbolonError(error) && error.code === "ERR_KEY_POINT";
    spki[last] = (spki[last] ?? 0) ^ 1;
    assert.throws(() => checkPublicKeyPolicy(spki), refusedPoint);
    assert.throws(() => checkPublicKeyPolicy(spki), refusedPoint, "asked again");
    spki[last] = (spki[last] ?? 0) ^ 1;
    assert.equal(checkPublicKeyPolicy(spki).kind, "ec");
  });

  const offCurve = Uint8Array.from(point);
  offCurve[64] = (offCurve[64] ?? 0) ^ 1;
  const tooLarge = Uint8Array.of(0x04, ...new Uint8Array(64).fill(0xff));
  const explicit = encodeSequence(
    encodeInteger(1n),
    encodeSequence(encodeOid("1.2.840.10045.1.1"), encodeInteger(23n)),
  );
  const refused: readonly (readonly [why: string, spki: Uint8Array, code: string])[] = [
    ["point that is not on the curve", ecSpki(encodeOid(OID.p256), offCurve), "ERR_KEY_POINT"],
    ["coordinates above the field", ecSpki(encodeOid(OID.p256), tooLarge), "ERR_KEY_POINT"],
    ["point at infinity", ecSpki(encodeOid(OID.p256), Uint8Array.of(0)), "ERR_KEY_POINT"],
    ["compressed point", ecSpki(encodeOid(OID.p256), Uint8Array.of(2, ...point.slice(1, 33))), "ERR_KEY_POINT"],
    ["hybrid point", ecSpki(encodeOid(OID.p256), Uint8Array.of(6, ...point.slice(1))), "ERR_KEY_POINT"],
    ["point of another curve", ecSpki(encodeOid(OID.p384), point), "ERR_KEY_POINT"],
    ["origin", ecSpki(encodeOid(OID.p256), Uint8Array.of(4, ...new Uint8Array(64))), "ERR_KEY_POINT"],
    ["explicit parameters", ecSpki(explicit, point), "ERR_KEY_CURVE"],
    ["implicit parameters", ecSpki(encodeNull(), point), "ERR_KEY_CURVE"],
    ["no parameters", ecSpki(new Uint8Array(), point), "ERR_KEY_CURVE"],
    ["secp256k1", ecSpki(encodeOid("1.3.132.0.10"), point), "ERR_KEY_CURVE"],
    ["P-192", ecSpki(encodeOid("1.2.840.10045.3.1.1"), point), "ERR_KEY_CURVE"],
    ["P-224", ecSpki(encodeOid("1.3.132.0.33"), point), "ERR_KEY_CURVE"],
    ["RSA of 1024 bits", rsaSpki(hardModulus(1024n), 65537n), "ERR_KEY_SIZE"],
    ["RSA of 2047 bits", rsaSpki(hardModulus(2047n), 65537n), "ERR_KEY_SIZE"],
    ["RSA of 16384 bits", rsaSpki(hardModulus(16384n), 65537n), "ERR_KEY_SIZE"],
    ["negative modulus", rsaSpki(-hardModulus(2048n), 65537n), "ERR_KEY_SIZE"],
    ["exponent 1", rsaSpki(hardModulus(2048n), 1n), "ERR_KEY_EXPONENT"],
    ["exponent 3", rsaSpki(hardModulus(2048n), 3n), "ERR_KEY_EXPONENT"],
    ["even exponent", rsaSpki(hardModulus(2048n), 65538n), "ERR_KEY_EXPONENT"],
    ["negative exponent", rsaSpki(hardModulus(2048n), -65537n), "ERR_KEY_EXPONENT"],
    ["exponent of 34 bits", rsaSpki(hardModulus(2048n), (1n << 33n) + 1n), "ERR_KEY_EXPONENT"],
    ["even modulus", rsaSpki(hardModulus(2048n) - 1n, 65537n), "ERR_KEY_MODULUS"],
    ["modulus divisible by 3", rsaSpki(3n * hardModulus(2047n), 65537n), "ERR_KEY_MODULUS"],
    ["ROCA", rsaSpki(rocaModulus(), 65537n), "ERR_KEY_MODULUS"],
    ["RSA without NULL", rsaSpki(hardModulus(2048n), 65537n, new Uint8Array()), "ERR_KEY_MALFORMED"],
    [
      "Ed448",
      encodeSequence(encodeSequence(encodeOid("1.3.101.113")), encodeBitString(new Uint8Array(57))),
      "ERR_KEY_UNSUPPORTED",
    ],
    [
      "DSA",
      encodeSequence(encodeSequence(encodeOid("1.2.840.10040.4.1")), encodeBitString(new Uint8Array(8))),
      "ERR_KEY_UNSUPPORTED",
    ],
    [
      "X25519",
      encodeSequence(encodeSequence(encodeOid("1.3.101.110")), encodeBitString(new Uint8Array(32))),
      "ERR_KEY_UNSUPPORTED",
    ],
    [
      "short Ed25519",
      encodeSequence(encodeSequence(encodeOid(OID.ed25519)), encodeBitString(new Uint8Array(31))),
      "ERR_KEY_MALFORMED",
    ],
    ["trailing bytes", Uint8Array.of(...p256.spki, 0), "ERR_KEY_MALFORMED"],
    ["not DER", Uint8Array.of(1, 2, 3), "ERR_KEY_MALFORMED"],
    [
      "bits that are not whole octets",
      encodeSequence(
        encodeSequence(encodeOid(OID.ecPublicKey), encodeOid(OID.p256)),
        encodeElement(3, Uint8Array.of(1, 4, 2)),
      ),
      "ERR_KEY_MALFORMED",
    ],
  ];
  for (const [why, spki, code] of refused) {
    test(`refuses ${why}`, () => {
      assert.throws(
        () => checkPublicKeyPolicy(spki),
        (error) => isSymbolonError(error) && error.code === code,
      );
    });
  }
});

describe("key pairs", () => {
  test("show no private key", () => {
    const pem = p256.privateKey.export({ format: "pem", type: "pkcs8" }).toString();
    assert.equal(JSON.stringify({ pair: p256 }), '{"pair":"[redacted]"}');
    assert.deepEqual(keyPairOf(parsePrivateKeyPem(pem)).spki, p256.spki);
  });

  test("private keys are read from PKCS#8, SEC 1 and PKCS#1", () => {
    const sec1 = p256.privateKey.export({ format: "pem", type: "sec1" }).toString();
    assert.deepEqual(spkiOf(parsePrivateKeyPem(sec1)), p256.spki);
    const rsa = createKeyPair("rsa-2048");
    const pkcs1 = rsa.privateKey.export({ format: "pem", type: "pkcs1" }).toString();
    assert.deepEqual(spkiOf(parsePrivateKeyPem(pkcs1)), rsa.spki);
  });

  test("an unreadable private key is an error that does not quote it", () => {
    const pem = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    assert.throws(
      () => parsePrivateKeyPem(pem),
      (error) =>
        isSymbolonError(error) &&
        error.code === "ERR_KEY_MALFORMED" &&
        error.message === "private key cannot be read" &&
        error.cause === undefined,
    );
    assert.throws(
      () => keyPairOf(p256.publicKey),
      (error) => isSymbolonError(error) && error.code === "ERR_KEY_UNSUPPORTED",
    );
  });

  test("key identifiers have 160 bits and depend on the key alone", () => {
    assert.equal(keyIdentifier(p256.spki).length, 20);
    assert.deepEqual(keyIdentifier(p256.spki), keyIdentifier(spkiOf(p256.privateKey)));
    assert.notDeepEqual(keyIdentifier(p256.spki), keyIdentifier(createKeyPair().spki));
  });
});
