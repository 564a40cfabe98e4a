import { createHash, createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { decodeBase64Url, encodeBase64Url, isSymbolonError, spiffeError } from "../core/index.ts";
import { defaultAlgorithm, isJwsAlgorithm, type JwsAlgorithm } from "./algorithms.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseStrictJson } from "./strict-json.ts";

/** A public key of a set (RFC 7517 §4), ready to verify with. */
export interface Jwk {
  readonly kid?: string;
  /** Of the `alg` member; then no other algorithm is verified with the key. */
  readonly algorithm?: JwsAlgorithm;
  readonly publicKey: KeyObject;
}

export interface JwkSet {
  readonly keys: readonly Jwk[];
}

/** The members of a public JWK that `jwkFromPublicKey` writes. */
export interface PublicJwk {
  readonly kty: string;
  readonly kid: string;
  readonly use: string;
  readonly alg?: string;
  readonly [member: string]: string | undefined;
}

const MAX_JWK_SET_CHARACTERS = 1024 * 1024;
const MAX_KEYS = 256;
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
/** RFC 7518 §6.2.2, §6.3.2, §6.4.1, RFC 8037 §2: what only a private or symmetric key has. */
const SECRET_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
const CURVES: readonly string[] = ["P-256", "P-384", "P-521", "Ed25519"];
/** `jwt-svid` is the SPIFFE bundle's (Trust Domain and Bundle §4.2.2). */
const SIGNATURE_USES: readonly JsonValue[] = ["sig", "jwt-svid"];

/**
 * Reads a JWK Set. Keys for encryption, and of types and curves that are not known, are left out (RFC 7517 §5); a
 * private or symmetric key, a repeated `kid`, or a key that is malformed refuses the whole set.
 * @param input JSON text, or its value
 * @throws ERR_JWT_KEY_SET_INVALID
 */
export function parseJwkSet(input: string | JsonObject): JwkSet {
  const set = typeof input === "string" ? parseText(input) : input;
  const { keys } = set;
  if (!Array.isArray(keys)) throw invalid('"keys" is not an array');
  if (keys.length > MAX_KEYS) throw invalid(`more than ${MAX_KEYS} keys`);
  const kids = new Set<string>();
  const usable: Jwk[] = [];
  for (const [index, member] of keys.entries()) {
    if (!isJsonObject(member)) throw invalid(`key ${index} is not an object`);
    checkPublic(member, index);
    const { kid } = member;
    if (kid !== undefined && typeof kid !== "string") throw invalid(`"kid" of key ${index} is not a string`);
    if (kid !== undefined && kids.has(kid)) throw invalid(`more than one key has the "kid" "${kid}"`);
    if (kid !== undefined) kids.add(kid);
    if (isUsable(member)) usable.push(readKey(member, index));
  }
  return Object.freeze({ keys: Object.freeze(usable) });
}

/** JWK of a public key; without `kid`, its RFC 7638 thumbprint. @throws ERR_KEY_UNSUPPORTED */
export function jwkFromPublicKey(publicKey: KeyObject, options: { readonly kid?: string } = {}): PublicJwk {
  const algorithm = publicKey.type === "public" ? defaultAlgorithm(publicKey) : undefined;
  if (!algorithm) throw spiffeError("ERR_KEY_UNSUPPORTED", "key is no public key that a token can be signed with");
  const { kty = "", crv, x, y, n, e } = publicKey.export({ format: "jwk" });
  const required = Object.fromEntries(
    Object.entries({ crv, e, kty, n, x, y }).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
  // RFC 7638 §3: the required members alone, in the order of their names, without white space.
  const thumbprint = createHash("sha256").update(JSON.stringify(required)).digest();
  const kid = options.kid ?? encodeBase64Url(thumbprint);
  // An RSA key may also be used for RS384, PS256 ..., so that it names no algorithm.
  return { ...required, kty, kid, use: "sig", ...(kty === "RSA" ? {} : { alg: algorithm }) };
}

function parseText(text: string): JsonObject {
  if (text.length > MAX_JWK_SET_CHARACTERS) throw invalid("too large");
  try {
    const value = parseStrictJson(text);
    if (isJsonObject(value)) return value;
  } catch (cause) {
    if (!isSymbolonError(cause)) throw cause;
    throw invalid(cause.message, cause);
  }
  throw invalid("not an object");
}

function checkPublic(member: JsonObject, index: number): void {
  const secret = SECRET_MEMBERS.find((name) => member[name] !== undefined);
  if (secret !== undefined || member.kty === "oct") {
    throw invalid(`key ${index} is a private or symmetric key`);
  }
  if (typeof member.kty !== "string") throw invalid(`"kty" of key ${index} is not a string`);
}

function isUsable({ kty, crv, use, key_ops: operations, alg }: JsonObject): boolean {
  if (use !== undefined && !SIGNATURE_USES.includes(use)) return false;
  if (Array.isArray(operations) && !operations.includes("verify")) return false;
  if (alg !== undefined && !isJwsAlgorithm(alg)) return false;
  return kty === "RSA" || ((kty === "EC" || kty === "OKP") && typeof crv === "string" && CURVES.includes(crv));
}

function readKey(member: JsonObject, index: number): Jwk {
  const { kid, alg, kty, crv } = member;
  const numbers = kty === "RSA" ? ["n", "e"] : kty === "EC" ? ["x", "y"] : ["x"];
  for (const name of numbers) {
    const value = member[name];
    if (typeof value !== "string" || !decodeBase64Url(value)?.length)
      throw invalid(`"${name}" of key ${index} is not base64url`);
  }
  const members = pick(member, crv === undefined ? ["kty", ...numbers] : ["kty", "crv", ...numbers]);
  const publicKey = importKey(members, index);
  checkRsa(publicKey, index);
  return Object.freeze({
    publicKey,
    ...(typeof kid === "string" ? { kid } : {}),
    ...(isJwsAlgorithm(alg) ? { algorithm: alg } : {}),
  });
}

function importKey(members: Record<string, JsonValue>, index: number): KeyObject {
  try {
    // Every member is a string: `kty` and `crv` were compared with texts, the numbers were decoded.
    return createPublicKey({ key: members as JsonWebKey, format: "jwk" });
  } catch (cause) {
    throw invalid(`key ${index} is malformed`, cause);
  }
}

function checkRsa(publicKey: KeyObject, index: number): void {
  if (publicKey.asymmetricKeyType !== "rsa") return;
  const { modulusLength = 0, publicExponent = 0n } = publicKey.asymmetricKeyDetails ?? {};
  if (modulusLength < MIN_RSA_BITS || modulusLength > MAX_RSA_BITS) {
    throw invalid(`key ${index} has ${modulusLength} bits, wanted ${MIN_RSA_BITS} to ${MAX_RSA_BITS}`);
  }
  if (publicExponent < 3n || (publicExponent & 1n) === 0n)
    throw invalid(`exponent of key ${index} is too small or even`);
}

function pick(member: JsonObject, names: readonly string[]): Record<string, JsonValue> {
  return Object.fromEntries(names.map((name) => [name, member[name] ?? null]));
}

function invalid(what: string, cause?: unknown) {
  return spiffeError("ERR_JWT_KEY_SET_INVALID", `JWK set: ${what}`, cause === undefined ? {} : { cause });
}
