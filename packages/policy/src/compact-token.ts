import { decodeBase64Url, isSymbolonError, type JsonObject, parseJsonObject } from "@symbolon/spiffe/core";
import type { JwtFailure } from "./jwt-failures.ts";

/** A token in compact form that could be read; its signature is not yet looked at. */
export interface CompactToken {
  readonly text: string;
  readonly algorithm: string;
  readonly kid?: string;
  /** RFC 7515 §4.1.11: names extensions that must be understood, and none is. */
  readonly hasCriticalHeader: boolean;
  /** Base64url without padding, as it stands in the token. */
  readonly payloadPart: string;
  readonly claims: JsonObject;
}

/** RFC 7518 §3.1, RFC 8037 §3.1. Symmetric algorithms and `none` are refused everywhere (ADR 13). */
const ALGORITHMS: readonly string[] = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
];
/** What `@symbolon/spiffe` takes apart: bounds the work that one header can cause. */
const MAX_TOKEN_CHARACTERS = 16 * 1024;
const MAX_UINT64 = 2 ** 64;

/**
 * Reads a JWS in compact form whose payload is a JSON object, in the order of Istio's proxy, so that a token with several
 * faults gets the same answer (istio-security §2.5). JSON with a repeated name is no JSON.
 */
export function parseCompactToken(text: string): CompactToken | JwtFailure {
  if (text.length > MAX_TOKEN_CHARACTERS) return "token_too_large";
  const [headerPart, payloadPart, signaturePart, ...others] = text.split(".");
  if (!headerPart || !payloadPart || !signaturePart || others.length > 0) return "bad_format";

  const headerBytes = decodeBase64Url(headerPart);
  if (!headerBytes) return "header_not_base64url";
  const header = readObject(headerBytes);
  if (!header) return "header_not_json";
  const { alg, kid, crit, b64 } = header;
  if (typeof alg !== "string") return "algorithm_missing";
  if (!ALGORITHMS.includes(alg)) return "algorithm_not_supported";
  if (kid !== undefined && typeof kid !== "string") return "kid_not_string";

  const payloadBytes = decodeBase64Url(payloadPart);
  if (!payloadBytes) return "payload_not_base64url";
  const claims = readObject(payloadBytes);
  if (!claims) return "payload_not_json";
  const wrongClaim = checkClaimTypes(claims);
  if (wrongClaim) return wrongClaim;

  if (!decodeBase64Url(signaturePart)) return "signature_not_base64url";
  // RFC 7797 §3: `b64` false signs another text than the one that is read.
  const hasCriticalHeader = crit !== undefined || (b64 !== undefined && b64 !== true);
  return { text, algorithm: alg, ...(kid === undefined ? {} : { kid }), hasCriticalHeader, payloadPart, claims };
}

function checkClaimTypes(claims: JsonObject): JwtFailure | undefined {
  for (const name of ["iss", "sub"] as const) {
    if (!isAbsentOrString(claims[name])) return `${name}_not_string`;
  }
  for (const name of ["iat", "nbf", "exp"] as const) {
    const value = claims[name];
    if (value === undefined) continue;
    if (typeof value !== "number") return `${name}_not_integer`;
    if (!(value >= 0 && value < MAX_UINT64)) return `${name}_out_of_range`;
  }
  if (!isAbsentOrString(claims.jti)) return "jti_not_string";
  const { aud } = claims;
  const isList = Array.isArray(aud) && aud.every((audience) => typeof audience === "string");
  return isList || isAbsentOrString(aud) ? undefined : "aud_not_string";
}

function isAbsentOrString(value: unknown): boolean {
  return value === undefined || typeof value === "string";
}

function readObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    return parseJsonObject(bytes, "part");
  } catch (error) {
    if (!isSymbolonError(error)) throw error;
    return undefined;
  }
}
