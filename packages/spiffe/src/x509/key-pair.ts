import type { KeyObject } from "node:crypto";
import { spiffeError } from "../core/index.ts";
import { builtinModule } from "../runtime/index.ts";
import { subjectPublicKeyBits } from "./public-key.ts";

const nodeCrypto = builtinModule("node:crypto");

export const KEY_KINDS = ["ec-p256", "ec-p384", "rsa-2048", "rsa-3072", "rsa-4096", "ed25519"] as const;
export type KeyKind = (typeof KEY_KINDS)[number];

const INSPECT = Symbol.for("nodejs.util.inspect.custom");

/** The private key stays a KeyObject: exporting it is an act of its own, and no log shows one. */
export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
}

/** A new pair in memory. RSA takes a noticeable part of a second and blocks meanwhile. */
export function createKeyPair(kind: KeyKind = "ec-p256"): KeyPair {
  return keyPairOf(generate(kind).privateKey);
}

/**
 * The pair that belongs to a private key.
 * @throws ERR_KEY_UNSUPPORTED for a KeyObject that is not a private key
 */
export function keyPairOf(privateKey: KeyObject): KeyPair {
  if (privateKey.type !== "private") throw spiffeError("ERR_KEY_UNSUPPORTED", "key is not a private key");
  const publicKey = nodeCrypto().createPublicKey(privateKey);
  const pair = { privateKey, publicKey, spki: spkiOf(publicKey), toJSON: redacted };
  Object.defineProperty(pair, INSPECT, { value: redacted, enumerable: false });
  Object.defineProperty(pair, "toJSON", { enumerable: false });
  return Object.freeze(pair);
}

/**
 * Reads PKCS#8, SEC 1 ("EC PRIVATE KEY") or PKCS#1 ("RSA PRIVATE KEY") PEM without a passphrase.
 * @throws ERR_KEY_MALFORMED, without the cause: a runtime's error may quote what it read
 */
export function parsePrivateKeyPem(pem: string | Uint8Array): KeyObject {
  const { createPrivateKey } = nodeCrypto();
  try {
    // A type assertion, because @types/node wants a Buffer where every runtime takes any Uint8Array.
    return createPrivateKey({ key: pem as string | Buffer, format: "pem" });
  } catch {
    throw spiffeError("ERR_KEY_MALFORMED", "private key cannot be read");
  }
}

/** DER SubjectPublicKeyInfo of a public or private key. */
export function spkiOf(key: KeyObject): Uint8Array {
  const publicKey = key.type === "private" ? nodeCrypto().createPublicKey(key) : key;
  return new Uint8Array(publicKey.export({ format: "der", type: "spki" }));
}

/** RFC 7093 §2 (1): the first 160 bits of SHA-256 over the key's bits; SHA-1 would serve no reader. */
export function keyIdentifier(spki: Uint8Array): Uint8Array {
  return new Uint8Array(nodeCrypto().createHash("sha256").update(subjectPublicKeyBits(spki)).digest().subarray(0, 20));
}

function generate(kind: KeyKind): { readonly privateKey: KeyObject } {
  switch (kind) {
    case "ec-p256":
      return nodeCrypto().generateKeyPairSync("ec", { namedCurve: "P-256" });
    case "ec-p384":
      return nodeCrypto().generateKeyPairSync("ec", { namedCurve: "P-384" });
    case "ed25519":
      return nodeCrypto().generateKeyPairSync("ed25519");
    case "rsa-2048":
    case "rsa-3072":
    case "rsa-4096":
      return nodeCrypto().generateKeyPairSync("rsa", { modulusLength: Number(kind.slice("rsa-".length)) });
  }
}

function redacted(): string {
  return "[redacted]";
}
