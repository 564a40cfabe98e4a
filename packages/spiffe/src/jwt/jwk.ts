import type { JsonWebKey, KeyObject } from "node:crypto";
import {
  type CurveName,
  concatBytes,
  curveNamed,
  decodeBase64Url,
  isPointOnCurve,
  type JsonObject,
  type JsonValue,
  looksLikeRocaModulus,
  smallFactorOf,
  spiffeError,
  toHex,
} from "../core/index.ts";
import { builtinModule } from "../runtime/index.ts";
import { isJwsAlgorithm, type JwsAlgorithm, keyFits } from "./algorithms.ts";

const nodeCrypto = builtinModule("node:crypto");

/** A public key of a set (RFC 7517 §4), ready to verify with. */
export interface Jwk {
  readonly kid?: string;
  /** Of the `alg` member; then no other algorithm is verified with the key. */
  readonly algorithm?: JwsAlgorithm;
  readonly publicKey: KeyObject;
}

const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
/** RFC 7518 §6.2.2, §6.3.2, §6.4.1, RFC 8037 §2: what only a private or symmetric key has. */
const SECRET_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
const EC_CURVES: readonly string[] = ["P-256", "P-384", "P-521"] satisfies readonly CurveName[];
/** `jwt-svid` is the SPIFFE bundle's (Trust Domain and Bundle §4.2.2). */
const SIGNATURE_USES: readonly JsonValue[] = ["sig", "jwt-svid"];

export const SECRET = "is a private or symmetric key";

/** Whoever reads it can sign with it. */
export function isSecretJwk(member: JsonObject): boolean {
  return member.kty === "oct" || SECRET_MEMBERS.some((name) => member[name] !== undefined);
}

/** @throws ERR_JWT_KEY_SET_INVALID for a private or symmetric key, and for one without `kty` or with a `kid` that is no text */
export function checkPublicJwk(member: JsonObject, index: number): void {
  if (isSecretJwk(member)) throw invalidKeySet(`key ${index} ${SECRET}`);
  if (typeof member.kty !== "string") throw invalidKeySet(`"kty" of key ${index} is not a string`);
  if (member.kid !== undefined && typeof member.kid !== "string")
    throw invalidKeySet(`"kid" of key ${index} is not a string`);
}

/** False for keys of encryption, and of types, curves and algorithms that are not known (RFC 7517 §5: ignored). */
export function isForSignatures({ kty, crv, use, key_ops: operations, alg }: JsonObject): boolean {
  if (use !== undefined && !SIGNATURE_USES.includes(use)) return false;
  if (Array.isArray(operations) && !operations.includes("verify")) return false;
  if (alg !== undefined && !isJwsAlgorithm(alg)) return false;
  return kty === "RSA" || isEc(kty, crv) || (kty === "OKP" && crv === "Ed25519");
}

/**
 * A key that `checkPublicJwk` and `isForSignatures` let pass. Its numbers are looked at before the runtime sees them,
 * which may abort or loop on keys that it should refuse.
 * @throws ERR_JWT_KEY_SET_INVALID
 */
export function readJwk(member: JsonObject, index: number): Jwk {
  const { kid, alg, kty, crv } = member;
  if (kty === "RSA") checkRsa(octets(member, "n", index), octets(member, "e", index), index);
  else if (kty === "EC") checkPoint(octets(member, "x", index), octets(member, "y", index), crv, index);
  else if (octets(member, "x", index).length !== 32) throw invalidKeySet(`key ${index} is malformed`);

  const names = kty === "RSA" ? ["kty", "n", "e"] : kty === "EC" ? ["kty", "crv", "x", "y"] : ["kty", "crv", "x"];
  const publicKey = importKey(Object.fromEntries(names.map((name) => [name, member[name] ?? null])), index);
  const algorithm = isJwsAlgorithm(alg) ? alg : undefined;
  if (algorithm && !keyFits(algorithm, publicKey)) throw invalidKeySet(`key ${index} is no key for ${algorithm}`);
  return Object.freeze({
    publicKey,
    ...(typeof kid === "string" ? { kid } : {}),
    ...(algorithm ? { algorithm } : {}),
  });
}

export function invalidKeySet(what: string, cause?: unknown) {
  return spiffeError("ERR_JWT_KEY_SET_INVALID", `JWK set: ${what}`, cause === undefined ? {} : { cause });
}

function isEc(kty: JsonValue | undefined, crv: JsonValue | undefined): boolean {
  return kty === "EC" && typeof crv === "string" && EC_CURVES.includes(crv);
}

function octets(member: JsonObject, name: string, index: number): Uint8Array {
  const value = member[name];
  const bytes = typeof value === "string" ? decodeBase64Url(value) : undefined;
  if (!bytes?.length) throw invalidKeySet(`"${name}" of key ${index} is not base64url`);
  return bytes;
}

function checkRsa(n: Uint8Array, e: Uint8Array, index: number): void {
  const modulus = BigInt(`0x${toHex(n)}`);
  const exponent = BigInt(`0x${toHex(e)}`);
  const bits = modulus === 0n ? 0 : modulus.toString(2).length;
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) {
    throw invalidKeySet(`key ${index} has ${bits} bits, wanted ${MIN_RSA_BITS} to ${MAX_RSA_BITS}`);
  }
  if (exponent < 3n || exponent >= 1n << 33n || (exponent & 1n) === 0n) {
    throw invalidKeySet(`exponent of key ${index} is too small, too large or even`);
  }
  if (smallFactorOf(modulus) !== undefined || looksLikeRocaModulus(modulus)) {
    throw invalidKeySet(`modulus of key ${index} is known to be weak`);
  }
}

function checkPoint(x: Uint8Array, y: Uint8Array, crv: JsonValue | undefined, index: number): void {
  // `isForSignatures` compared it with the three names.
  const curve = curveNamed(crv as CurveName);
  // RFC 7518 §6.2.1.2: as long as the curve's coordinates, which `isPointOnCurve` holds it to.
  if (x.length !== y.length || !isPointOnCurve(concatBytes(Uint8Array.of(4), x, y), curve)) {
    throw invalidKeySet(`key ${index} is not a point on ${curve.name}`);
  }
}

function importKey(members: Record<string, JsonValue>, index: number): KeyObject {
  const { createPublicKey } = nodeCrypto();
  try {
    // Every member is a string: `kty` and `crv` were compared with texts, the numbers were decoded.
    return createPublicKey({ key: members as JsonWebKey, format: "jwk" });
  } catch (cause) {
    throw invalidKeySet(`key ${index} is malformed`, cause);
  }
}
