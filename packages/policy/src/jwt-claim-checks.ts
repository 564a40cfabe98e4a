import type { JsonValue } from "./document/index.ts";
import type { JwtFailure } from "./jwt-failures.ts";
import type { JwtRule } from "./request-authentication.ts";

interface Claims {
  readonly [claim: string]: JsonValue | undefined;
}

/** Audiences of a rule as they are compared, made once. */
export type AllowedAudiences = ReadonlySet<string>;

/** istio-security §2.5, 2: exactly the issuer, or any for a rule without one. */
export function checkIssuer(claims: Claims, rule: Pick<JwtRule, "issuer">): JwtFailure | undefined {
  const { iss = "" } = claims;
  return rule.issuer === "" || iss === rule.issuer ? undefined : "issuer_not_configured";
}

/**
 * istio-security §2.5, 3: `nbf`, then `exp`, each with the skew; without `exp` a token never expires. RFC 7519 §2 allows
 * fractions of a second, which count as the second that they are in. Unlike Envoy's, `exp` 0 is a time.
 */
export function checkTimes(claims: Claims, now: Date, skewSeconds: number): JwtFailure | undefined {
  const nowSeconds = Math.floor(now.getTime() / 1000);
  const { nbf, exp } = claims;
  // Written so that a time that is no number (an invalid Date) refuses.
  if (typeof nbf === "number" && !(nowSeconds + skewSeconds >= Math.floor(nbf))) return "not_yet_valid";
  if (typeof exp === "number" && !(nowSeconds <= Math.floor(exp) + skewSeconds)) return "expired";
  return undefined;
}

/** istio-security §2.5, 4: one is enough; a rule without audiences takes any. */
export function checkAudiences(claims: Claims, allowed: AllowedAudiences): JwtFailure | undefined {
  if (allowed.size === 0) return undefined;
  const { aud } = claims;
  const audiences = typeof aud === "string" ? [aud] : Array.isArray(aud) ? aud : [];
  const isAllowed = audiences.some((audience) => typeof audience === "string" && allowed.has(bareAudience(audience)));
  return isAllowed ? undefined : "audience_not_allowed";
}

export function compileAudiences(rule: Pick<JwtRule, "audiences">): AllowedAudiences {
  return new Set(rule.audiences.map(bareAudience));
}

/** Without scheme and one closing slash, so that `https://svc/` means `svc`; the case of letters counts. */
function bareAudience(audience: string): string {
  return audience.replace(/^https?:\/\//, "").replace(/\/$/, "");
}
