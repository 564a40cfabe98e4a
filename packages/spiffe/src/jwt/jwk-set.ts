import type { KeyObject } from "node:crypto";
import {
  encodeBase64Url,
  isJsonObject,
  isSymbolonError,
  type JsonObject,
  type JsonValue,
  parseStrictJson,
  spiffeError,
} from "../core/index.ts";
import { builtinModule } from "../runtime/index.ts";
import { defaultAlgorithm } from "./algorithms.ts";
import { checkPublicJwk, invalidKeySet, isForSignatures, type Jwk, readJwk } from "./jwk.ts";

const nodeCrypto = builtinModule("node:crypto");

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

export const MAX_JWK_SET_CHARACTERS = 1024 * 1024;
export const MAX_KEYS = 256;

/**
 * Reads a JWK Set of our own or of a trust domain. Keys for encryption, and of types and curves that are not known, are
 * left out (RFC 7517 §5); a private or symmetric key, a repeated `kid`, or a key that is malformed refuses the whole
 * set. For the sets of identity providers see `parseProviderKeySet`.
 * @param input JSON text, or its value
 * @throws ERR_JWT_KEY_SET_INVALID
 */
export function parseJwkSet(input: string | JsonObject): JwkSet {
  const { members } = readJwkSetDocument(input);
  const kids = new Set<string>();
  const usable: Jwk[] = [];
  for (const [index, member] of members.entries()) {
    const { kid } = member;
    if (typeof kid === "string") {
      if (kids.has(kid)) throw invalidKeySet(`more than one key has the "kid" "${kid}"`);
      kids.add(kid);
    }
    if (isForSignatures(member)) usable.push(readJwk(member, index));
  }
  return Object.freeze({ keys: Object.freeze(usable) });
}

/**
 * A JWK Set before its keys are read: JSON whose `keys` are at most 256 objects, each a public key by its looks.
 * @param input JSON text of at most 1 Mi characters, or its value
 * @throws ERR_JWT_KEY_SET_INVALID
 */
export function readJwkSetDocument(input: string | JsonObject): {
  readonly document: JsonObject;
  readonly members: readonly JsonObject[];
} {
  const document = typeof input === "string" ? parseText(input) : input;
  const { keys } = document;
  if (keys === undefined) throw invalidKeySet('"keys" is missing');
  if (!Array.isArray(keys)) throw invalidKeySet('"keys" is not an array');
  if (keys.length > MAX_KEYS) throw invalidKeySet(`more than ${MAX_KEYS} keys`);
  const members = keys.map((member: JsonValue, index) => {
    if (!isJsonObject(member)) throw invalidKeySet(`key ${index} is not an object`);
    checkPublicJwk(member, index);
    return member;
  });
  return { document, members };
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
  const thumbprint = nodeCrypto().createHash("sha256").update(JSON.stringify(required)).digest();
  const kid = options.kid ?? encodeBase64Url(thumbprint);
  // An RSA key may also be used for RS384, PS256 ..., so that it names no algorithm.
  return { ...required, kty, kid, use: "sig", ...(kty === "RSA" ? {} : { alg: algorithm }) };
}

function parseText(text: string): JsonObject {
  if (text.length > MAX_JWK_SET_CHARACTERS) throw invalidKeySet("too large");
  try {
    const value = parseStrictJson(text);
    if (isJsonObject(value)) return value;
  } catch (cause) {
    if (!isSymbolonError(cause)) throw cause;
    throw invalidKeySet(cause.message, cause);
  }
  throw invalidKeySet("not an object");
}
