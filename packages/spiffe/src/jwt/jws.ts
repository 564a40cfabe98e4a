import type { KeyObject } from "node:crypto";
import {
  decodeBase64Url,
  encodeBase64Url,
  isSymbolonError,
  type JsonObject,
  parseJsonObject,
  spiffeError,
} from "../core/index.ts";
import { defaultAlgorithm, isJwsAlgorithm, type JwsAlgorithm, keyFits, signWith, verifyWith } from "./algorithms.ts";
import type { Jwk } from "./jwk.ts";
import type { JwkSet } from "./jwk-set.ts";

export interface JwsHeader {
  /** As it stands there: not yet one that anybody allows. */
  readonly alg: string;
  readonly kid?: string;
  readonly typ?: string;
}

/** The three parts of a compact serialisation (RFC 7515 §7.1), unverified. */
export interface CompactJws {
  readonly header: JwsHeader;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  /** ASCII of the first two parts and their dot. */
  readonly signingInput: Uint8Array;
}

export interface VerifyJwsOptions {
  /** Those that the caller takes, and no others, whatever the token or the key says. */
  readonly algorithms: readonly JwsAlgorithm[];
}

export interface VerifiedJws {
  readonly header: JwsHeader;
  readonly payload: Uint8Array;
  /** The payload as a JSON object, each key once. */
  readonly claims: JsonObject;
  readonly key: Jwk;
}

export interface SignJwsOptions {
  readonly kid: string;
  readonly privateKey: KeyObject;
  /** By the key, if absent: ES256, ES384, ES512, RS256 or EdDSA. */
  readonly algorithm?: JwsAlgorithm;
  readonly typ?: string;
}

/** A projected ServiceAccount token has about 1.2 KiB. */
const MAX_TOKEN_CHARACTERS = 16 * 1024;
const encoder = new TextEncoder();

/**
 * Takes a compact JWS apart. Base64url must be canonical, so that one token has one spelling (CV-55).
 * @throws ERR_JWT_MALFORMED, ERR_JWT_TOO_LARGE, ERR_JWT_CRITICAL_HEADER
 */
export function parseJwsCompact(token: string): CompactJws {
  if (token.length > MAX_TOKEN_CHARACTERS) {
    throw spiffeError("ERR_JWT_TOO_LARGE", `token has ${token.length} characters, more than ${MAX_TOKEN_CHARACTERS}`);
  }
  const [headerText, payloadText, signatureText, ...others] = token.split(".");
  if (headerText === undefined || payloadText === undefined || signatureText === undefined || others.length > 0) {
    throw malformed("token does not have three parts");
  }
  return {
    header: readHeader(decodePart(headerText, "header")),
    payload: decodePart(payloadText, "payload"),
    signature: decodePart(signatureText, "signature"),
    signingInput: encoder.encode(`${headerText}.${payloadText}`),
  };
}

/**
 * Verifies a token whose payload is a JSON object. With a `kid`, only the key of that name is tried; without one, each
 * key that fits the algorithm (JWT-SVID §3, spiffe.md J2). Keys that the token brings along (`jwk`, `jku`, `x5c`) are
 * never looked at.
 * @throws ERR_JWT_ALGORITHM_NOT_ALLOWED, ERR_JWT_KEY_NOT_FOUND, ERR_JWT_SIGNATURE_INVALID, and those of `parseJwsCompact`
 */
export function verifyJws(token: string, keySet: JwkSet, options: VerifyJwsOptions): VerifiedJws {
  const jws = parseJwsCompact(token);
  const key = verifyJwsSignature(jws, keySet, options);
  return { header: jws.header, payload: jws.payload, claims: parseJsonObject(jws.payload, "payload"), key };
}

/** `verifyJws` for a token that has been taken apart already. @returns the key that verifies it */
export function verifyJwsSignature(jws: CompactJws, keySet: JwkSet, options: VerifyJwsOptions): Jwk {
  const { header, signature, signingInput } = jws;
  const algorithm = allowedAlgorithm(header, options);
  const keys = keySet.keys.filter(
    (key) =>
      (header.kid === undefined || key.kid === header.kid) &&
      (key.algorithm === undefined || key.algorithm === algorithm) &&
      keyFits(algorithm, key.publicKey),
  );
  if (keys.length === 0) {
    const message =
      header.kid === undefined ? `no key for ${algorithm}` : `no key "${header.kid.slice(0, 80)}" for ${algorithm}`;
    throw spiffeError("ERR_JWT_KEY_NOT_FOUND", message);
  }
  const key = keys.find(({ publicKey }) => verifyWith(algorithm, publicKey, signingInput, signature));
  if (!key) throw spiffeError("ERR_JWT_SIGNATURE_INVALID", "token signature does not verify");
  return key;
}

/** @throws ERR_JWT_ALGORITHM_NOT_ALLOWED */
export function allowedAlgorithm(header: JwsHeader, options: VerifyJwsOptions): JwsAlgorithm {
  const algorithm = options.algorithms.find((allowed) => isJwsAlgorithm(allowed) && allowed === header.alg);
  if (algorithm) return algorithm;
  const message = `token is signed with "${header.alg.slice(0, 20)}", which is not allowed`;
  throw spiffeError("ERR_JWT_ALGORITHM_NOT_ALLOWED", message, { details: { algorithms: options.algorithms } });
}

/**
 * verified: by a key of the set. no_key: none has the token's `kid` and algorithm. invalid: some have, and none of them
 * verifies it; also a token that has a critical header, or is no JWS of an algorithm that is supported.
 */
export type SignatureVerdict = "verified" | "no_key" | "invalid";

/**
 * The signature of an end user's token by the keys of its issuer, as Istio matches them (istio-security §2.5): keys with
 * the same `kid`, where both have one, and the same `alg`, where the key states one; the first that verifies is enough.
 */
export function checkSignature(token: string, keySet: JwkSet): SignatureVerdict {
  const jws = readCompact(token);
  const algorithm = jws?.header.alg;
  if (!jws || !isJwsAlgorithm(algorithm)) return "invalid";
  const { kid = "" } = jws.header;
  const keys = keySet.keys.filter(
    (key) =>
      (kid === "" || (key.kid ?? "") === "" || key.kid === kid) &&
      (key.algorithm === undefined || key.algorithm === algorithm),
  );
  if (keys.length === 0) return "no_key";
  const verifies = keys.some(({ publicKey }) => verifyWith(algorithm, publicKey, jws.signingInput, jws.signature));
  return verifies ? "verified" : "invalid";
}

function readCompact(token: string): CompactJws | undefined {
  try {
    return parseJwsCompact(token);
  } catch (error) {
    if (!isSymbolonError(error)) throw error;
    return undefined;
  }
}

/**
 * Compact JWS over the JSON of `payload`.
 * @throws ERR_KEY_UNSUPPORTED when the key and the algorithm do not belong together
 */
export function signJws(payload: Readonly<Record<string, unknown>>, options: SignJwsOptions): string {
  const { kid, privateKey, typ = "JWT", algorithm = defaultAlgorithm(privateKey) } = options;
  if (!algorithm || !keyFits(algorithm, privateKey)) {
    throw spiffeError(
      "ERR_KEY_UNSUPPORTED",
      `a key of type "${privateKey.asymmetricKeyType}" cannot sign with ${algorithm}`,
    );
  }
  const part = (value: unknown): string => encodeBase64Url(encoder.encode(JSON.stringify(value)));
  const input = `${part({ alg: algorithm, kid, typ })}.${part(payload)}`;
  return `${input}.${encodeBase64Url(signWith(algorithm, privateKey, encoder.encode(input)))}`;
}

function readHeader(bytes: Uint8Array): JwsHeader {
  const header = parseJsonObject(bytes, "header");
  const { alg, kid, typ } = header;
  if (typeof alg !== "string") throw malformed('header has no "alg"');
  // RFC 7515 §4.1.11: extensions that must be understood; none is. RFC 7797 §3 is one of them.
  if (header.crit !== undefined || (header.b64 !== undefined && header.b64 !== true)) {
    throw spiffeError("ERR_JWT_CRITICAL_HEADER", "token has a critical header parameter");
  }
  if (kid !== undefined && typeof kid !== "string") throw malformed('"kid" is not a string');
  if (typ !== undefined && typeof typ !== "string") throw malformed('"typ" is not a string');
  return { alg, ...(kid === undefined ? {} : { kid }), ...(typ === undefined ? {} : { typ }) };
}

function decodePart(text: string, what: string): Uint8Array {
  const bytes = decodeBase64Url(text);
  if (!bytes) throw malformed(`${what} is not base64url`);
  return bytes;
}

function malformed(what: string) {
  return spiffeError("ERR_JWT_MALFORMED", `malformed token: ${what}`);
}
