import type { JwtClaims } from "../attributes.ts";
import type { JsonValue } from "../document/index.ts";

export function claimAt(claims: JwtClaims | undefined, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = claims;
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
}

/** The claims with one of them set to a string, or, with undefined, taken away. */
export function withClaim(claims: JsonValue | undefined, path: readonly string[], to: string | undefined): JwtClaims {
  const [name = "", ...rest] = path;
  const object: JwtClaims = isObject(claims) ? claims : {};
  if (rest.length > 0) {
    // A claim below one that is not there needs no taking away.
    if (to === undefined && !isObject(object[name])) return object;
    return { ...object, [name]: withClaim(object[name], rest, to) };
  }
  if (to !== undefined) return { ...object, [name]: to };
  return Object.fromEntries(Object.entries(object).filter(([known]) => known !== name));
}

/** A string that looks like another value's JSON is still another claim. */
export function claimText(claim: JsonValue): string {
  return typeof claim === "string" ? claim : `${JSON.stringify(claim)} (no string)`;
}

function isObject(value: JsonValue | undefined): value is JwtClaims {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
