import type { JwtRule } from "@symbolon/policy";

/**
 * Where the keys of a rule have to be fetched from, as one text: `jwksUri`, or `discovery:` with the issuer, whose
 * configuration document names the set (OpenID Connect Discovery 1.0 §4). Undefined: they stand in the rule.
 */
export function keySourceOf({
  issuer,
  jwks,
  jwksUri,
}: Pick<JwtRule, "issuer" | "jwks" | "jwksUri">): string | undefined {
  if (jwks) return undefined;
  return jwksUri ? jwksUri : `${DISCOVERY}${issuer}`;
}

/** URL of the configuration document, when the source is an issuer. */
export function discoveryUrlOf(source: string): string | undefined {
  if (!source.startsWith(DISCOVERY)) return undefined;
  return `${source.slice(DISCOVERY.length).replace(/\/$/, "")}/.well-known/openid-configuration`;
}

const DISCOVERY = "discovery:";
