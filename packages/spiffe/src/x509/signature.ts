import type { KeyObject } from "node:crypto";
import { lazy, spiffeError, toHex } from "../core/index.ts";
import { builtinModule } from "../runtime/index.ts";
import { contextConstructed } from "./der.ts";
import { encodeElement, encodeInteger, encodeNull, encodeOid, encodeSequence } from "./der-writer.ts";
import { OID } from "./oid.ts";

const nodeCrypto = builtinModule("node:crypto");

/** How an AlgorithmIdentifier is carried out: the key that it needs and the runtime's parameters. */
interface Scheme {
  readonly name: string;
  readonly keyType: "ec" | "rsa" | "ed25519";
  readonly hash: "sha256" | "sha384" | "sha512" | null;
  readonly pssSaltLength?: number;
}

/** DER AlgorithmIdentifier and signature value, as they stand in a certificate. */
export interface DerSignature {
  readonly algorithm: Uint8Array;
  readonly signature: Uint8Array;
}

/** The AlgorithmIdentifiers that are signed with: of ECDSA, by hash; of RSA; of Ed25519. */
const identifiers = lazy(() => ({
  ecdsa: {
    sha256: encodeSequence(encodeOid(OID.ecdsaWithSha256)),
    sha384: encodeSequence(encodeOid(OID.ecdsaWithSha384)),
    sha512: encodeSequence(encodeOid(OID.ecdsaWithSha512)),
  },
  rsa: encodeSequence(encodeOid(OID.sha256WithRsa), encodeNull()),
  ed25519: encodeSequence(encodeOid(OID.ed25519)),
}));

/**
 * The closed list, by the exact bytes of the AlgorithmIdentifier: RFC 5758 §3.2 (ECDSA, parameters absent),
 * RFC 4055 §5 (RSA, parameters NULL) and §3.1 (PSS, three parameter sets), RFC 8410 §3 (Ed25519). No SHA-1, no DSA.
 */
const schemes = lazy((): ReadonlyMap<string, Scheme> => {
  const { ecdsa, rsa, ed25519 } = identifiers();
  return new Map([
    [toHex(ecdsa.sha256), { name: "ecdsa-with-SHA256", keyType: "ec", hash: "sha256" }],
    [toHex(ecdsa.sha384), { name: "ecdsa-with-SHA384", keyType: "ec", hash: "sha384" }],
    [toHex(ecdsa.sha512), { name: "ecdsa-with-SHA512", keyType: "ec", hash: "sha512" }],
    [toHex(rsa), { name: "sha256WithRSAEncryption", keyType: "rsa", hash: "sha256" }],
    [rsaPkcs1(OID.sha384WithRsa), { name: "sha384WithRSAEncryption", keyType: "rsa", hash: "sha384" }],
    [rsaPkcs1(OID.sha512WithRsa), { name: "sha512WithRSAEncryption", keyType: "rsa", hash: "sha512" }],
    [rsaPss(OID.sha256, 32), { name: "RSASSA-PSS-SHA256", keyType: "rsa", hash: "sha256", pssSaltLength: 32 }],
    [rsaPss(OID.sha384, 48), { name: "RSASSA-PSS-SHA384", keyType: "rsa", hash: "sha384", pssSaltLength: 48 }],
    [rsaPss(OID.sha512, 64), { name: "RSASSA-PSS-SHA512", keyType: "rsa", hash: "sha512", pssSaltLength: 64 }],
    [toHex(ed25519), { name: "Ed25519", keyType: "ed25519", hash: null }],
  ] satisfies [string, Scheme][]);
});

/** The AlgorithmIdentifier that `signDer` uses with such a key: a TBSCertificate names it before it is signed. */
export function signatureAlgorithmFor(key: KeyObject): Uint8Array {
  switch (key.asymmetricKeyType) {
    case "ec":
      return identifiers().ecdsa[hashForCurve(key)];
    case "rsa":
      return identifiers().rsa;
    case "ed25519":
      return identifiers().ed25519;
    default:
      throw spiffeError("ERR_KEY_UNSUPPORTED", `cannot sign with a key of type "${key.asymmetricKeyType}"`);
  }
}

/**
 * Signs `bytes` with ECDSA and the hash of the curve's size, RSA PKCS#1 v1.5 with SHA-256, or Ed25519.
 * @throws ERR_KEY_UNSUPPORTED
 */
export function signDer(privateKey: KeyObject, bytes: Uint8Array): DerSignature {
  const algorithm = signatureAlgorithmFor(privateKey);
  const { hash } = schemeOf(algorithm);
  return { algorithm, signature: new Uint8Array(nodeCrypto().sign(hash, bytes, privateKey)) };
}

/**
 * False when the signature does not fit, also because the key is of another type than the algorithm's.
 * @param publicKey DER SubjectPublicKeyInfo, which must have passed `checkPublicKeyPolicy`, or the KeyObject of one
 * @param algorithm DER AlgorithmIdentifier
 * @throws ERR_X509_SIGNATURE_ALGORITHM for an algorithm that is not on the list
 */
export function verifySignature(
  publicKey: Uint8Array | KeyObject,
  algorithm: Uint8Array,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  const scheme = schemeOf(algorithm);
  const { constants, verify } = nodeCrypto();
  try {
    const key = publicKey instanceof Uint8Array ? publicKeyOf(publicKey) : publicKey;
    if (key.asymmetricKeyType !== scheme.keyType) return false;
    if (scheme.pssSaltLength === undefined) return verify(scheme.hash, bytes, key, signature);
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    return verify(scheme.hash, bytes, { key, padding, saltLength: scheme.pssSaltLength }, signature);
  } catch {
    // The runtimes throw on signatures of an impossible shape, where others return false.
    return false;
  }
}

/** Name of the algorithm, for people; undefined if it is not on the list. */
export function signatureAlgorithmName(algorithm: Uint8Array): string | undefined {
  return schemes().get(toHex(algorithm))?.name;
}

/** True when a key of this SubjectPublicKeyInfo algorithm can have made a signature with `algorithm`. */
export function signatureAlgorithmFits(algorithm: Uint8Array, keyType: Scheme["keyType"]): boolean {
  return schemes().get(toHex(algorithm))?.keyType === keyType;
}

/** @throws ERR_KEY_MALFORMED */
export function publicKeyOf(spki: Uint8Array): KeyObject {
  const { createPublicKey } = nodeCrypto();
  try {
    // A type assertion, because @types/node wants a Buffer where every runtime takes any Uint8Array.
    return createPublicKey({ key: spki as Buffer, format: "der", type: "spki" });
  } catch (cause) {
    throw spiffeError("ERR_KEY_MALFORMED", "public key cannot be read", { cause });
  }
}

function schemeOf(algorithm: Uint8Array): Scheme {
  const hex = toHex(algorithm);
  const scheme = schemes().get(hex);
  if (!scheme) {
    const message = "signature algorithm is not supported";
    throw spiffeError("ERR_X509_SIGNATURE_ALGORITHM", message, { details: { algorithm: hex.slice(0, 64) } });
  }
  return scheme;
}

/** Go's defaults: the hash as wide as the curve. */
function hashForCurve(key: KeyObject): "sha256" | "sha384" | "sha512" {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  switch (curve) {
    case "prime256v1":
      return "sha256";
    case "secp384r1":
      return "sha384";
    case "secp521r1":
      return "sha512";
    default:
      throw spiffeError("ERR_KEY_UNSUPPORTED", `cannot sign with a key on the curve "${curve}"`);
  }
}

function rsaPkcs1(oid: string): string {
  return toHex(encodeSequence(encodeOid(oid), encodeNull()));
}

/** RFC 4055 §3.1 with MGF1 over the same hash and a salt of its length; the trailer is its default and so absent. */
function rsaPss(hashOid: string, saltLength: number): string {
  const hash = encodeSequence(encodeOid(hashOid), encodeNull());
  const parameters = encodeSequence(
    encodeElement(contextConstructed(0), hash),
    encodeElement(contextConstructed(1), encodeSequence(encodeOid(OID.mgf1), hash)),
    encodeElement(contextConstructed(2), encodeInteger(BigInt(saltLength))),
  );
  return toHex(encodeSequence(encodeOid(OID.rsaPss), parameters));
}
