import { type JsonObject, type JsonValue, spiffeError } from "../core/index.ts";

export interface JwtClaimsPolicy {
  readonly issuer: string;
  /** At least one; the token must name one of them. */
  readonly audiences: readonly string[];
  readonly now: Date;
  /** Allowance for clocks that differ, on `exp` and `nbf`; 0 if absent. */
  readonly leewaySeconds?: number;
}

/** The registered claims (RFC 7519 §4.1) of a token that passed. */
export interface JwtClaims {
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  readonly expiresAt: Date;
}

/** Year 9999: past it a Date cannot be written down. */
const MAX_NUMERIC_DATE = 253_402_300_799;

/**
 * `iss`, `sub`, `aud` and `exp` must be there; `nbf` and `iat` are numbers if they are. Times are whole seconds: any
 * other type compares as false with everything, which is how tokens live for ever (CV-52).
 * @throws ERR_JWT_CLAIM_INVALID, ERR_JWT_ISSUER, ERR_JWT_AUDIENCE, ERR_JWT_EXPIRED, ERR_JWT_NOT_YET_VALID
 */
export function checkJwtClaims(claims: JsonObject, policy: JwtClaimsPolicy): JwtClaims {
  const issuer = textClaim(claims, "iss");
  const subject = textClaim(claims, "sub");
  const { audiences, expiry, notBefore } = readTokenClaims(claims);
  if (issuer !== policy.issuer) {
    const message = `token was issued by "${issuer.slice(0, 200)}", wanted "${policy.issuer}"`;
    throw spiffeError("ERR_JWT_ISSUER", message);
  }
  checkAudience(audiences, policy.audiences);
  checkTimes({ expiry, notBefore }, policy);
  return { issuer, subject, audiences, expiresAt: new Date(expiry * 1000) };
}

/** `aud` and the times, which JWT-SVIDs share with other tokens; in seconds since 1970. */
export interface TokenClaims {
  /** At least one, none empty. */
  readonly audiences: readonly string[];
  readonly expiry: number;
  readonly notBefore: number | undefined;
  readonly issuedAt: number | undefined;
}

/** The shapes alone. @throws ERR_JWT_CLAIM_INVALID */
export function readTokenClaims(claims: JsonObject): TokenClaims {
  const audiences = audienceClaim(claims.aud);
  const expiry = timeClaim(claims, "exp");
  if (expiry === undefined) throw claimInvalid("exp", "is missing");
  return { audiences, expiry, notBefore: timeClaim(claims, "nbf"), issuedAt: timeClaim(claims, "iat") };
}

/** One of those that are wanted is enough; when none is wanted, none is enough. @throws ERR_JWT_AUDIENCE */
export function checkAudience(audiences: readonly string[], wanted: readonly string[]): void {
  if (audiences.some((audience) => wanted.includes(audience))) return;
  const message = `token is for ${quoted(audiences)}, wanted ${wanted.length === 0 ? "no audience at all" : quoted(wanted)}`;
  throw spiffeError("ERR_JWT_AUDIENCE", message, { details: { audiences } });
}

/** @throws ERR_JWT_EXPIRED, ERR_JWT_NOT_YET_VALID */
export function checkTimes(
  { expiry, notBefore }: Pick<TokenClaims, "expiry" | "notBefore">,
  { now, leewaySeconds = 0 }: { readonly now: Date; readonly leewaySeconds?: number },
): void {
  const nowSeconds = now.getTime() / 1000;
  // RFC 7519 §4.1.4: not accepted on or after the time. Negated, so that a clock that is no number refuses.
  if (!(nowSeconds < expiry + leewaySeconds)) {
    throw spiffeError("ERR_JWT_EXPIRED", "token has expired", { details: { exp: expiry } });
  }
  if (notBefore !== undefined && !(nowSeconds >= notBefore - leewaySeconds)) {
    throw spiffeError("ERR_JWT_NOT_YET_VALID", "token is not yet valid", { details: { nbf: notBefore } });
  }
}

/** @throws ERR_JWT_CLAIM_INVALID unless it is a text with at least one character */
export function textClaim(claims: JsonObject, name: string): string {
  const value = claims[name];
  if (typeof value !== "string" || value === "") throw claimInvalid(name, "is missing or not a text");
  return value;
}

function audienceClaim(value: JsonValue | undefined): readonly string[] {
  const audiences = typeof value === "string" ? [value] : value;
  if (!Array.isArray(audiences) || audiences.length === 0) throw claimInvalid("aud", "is missing");
  return audiences.map((audience) => {
    if (typeof audience !== "string" || audience === "") throw claimInvalid("aud", "is not a text");
    return audience;
  });
}

function timeClaim(claims: JsonObject, name: string): number | undefined {
  const value = claims[name];
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > MAX_NUMERIC_DATE) {
    throw claimInvalid(name, "is not a whole number of seconds");
  }
  return value;
}

function claimInvalid(name: string, what: string) {
  return spiffeError("ERR_JWT_CLAIM_INVALID", `claim "${name}" ${what}`, { details: { claim: name } });
}

function quoted(texts: readonly string[]): string {
  return texts.map((text) => `"${text.slice(0, 200)}"`).join(", ");
}
