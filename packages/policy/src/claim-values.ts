import type { JwtClaims } from "./attributes.ts";
import type { JsonValue } from "./document/index.ts";

/** The strings of a claim that conditions compare: itself, or its elements; "numbers and booleans never match" (§3.7). */
export function claimStrings(claims: JwtClaims | undefined, path: readonly string[]): readonly string[] {
  const claim = claimAt(claims, path);
  if (typeof claim === "string") return [claim];
  return Array.isArray(claim) ? claim.filter((element) => typeof element === "string") : [];
}

function claimAt(claims: JwtClaims | undefined, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = claims;
  for (const name of path) {
    // Own properties alone: a token cannot claim what every JavaScript object has.
    if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
      return undefined;
    value = (value as JwtClaims)[name];
  }
  return value;
}
