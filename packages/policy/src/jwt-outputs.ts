import { encodeBase64, encodeUtf8 } from "@symbolon/spiffe/core";
import type { JwtClaims } from "./attributes.ts";
import { toByteText } from "./byte-text.ts";
import type { CompactToken } from "./compact-token.ts";
import type { JsonValue } from "./document/index.ts";
import type { JwtRule } from "./request-authentication.ts";

/** Name in lower case; each character of the value is one octet. */
export interface HeaderLine {
  readonly name: string;
  readonly value: string;
}

const ALWAYS_SPACE_DELIMITED = ["permission", "scope"];

/** The headers that a rule may write, in lower case: whoever sends them from outside must not be believed. */
export function outputHeaderNames(rule: Pick<JwtRule, "outputPayloadToHeader" | "outputClaimToHeaders">): string[] {
  const names = rule.outputClaimToHeaders.map(({ header }) => header);
  return [...(rule.outputPayloadToHeader ? [rule.outputPayloadToHeader] : []), ...names].map((n) => n.toLowerCase());
}

/** The headers of a verified token (istio-security §2.6). A claim that cannot stand in a header is left out. */
export function outputHeaders(
  rule: Pick<JwtRule, "outputPayloadToHeader" | "outputClaimToHeaders">,
  token: Pick<CompactToken, "claims" | "payloadPart">,
): HeaderLine[] {
  const lines: HeaderLine[] = [];
  if (rule.outputPayloadToHeader) {
    lines.push({ name: rule.outputPayloadToHeader.toLowerCase(), value: token.payloadPart });
  }
  for (const { header, claim } of rule.outputClaimToHeaders) {
    const value = headerValue(claimAt(token.claims, claim));
    if (value !== "" && !/[\x00-\x08\x0a-\x1f\x7f]/.test(value)) lines.push({ name: header.toLowerCase(), value });
  }
  return lines;
}

/** Names of the claims of a rule whose text is a list, the two that always are among them. */
export function spaceDelimitedClaims(rule: Pick<JwtRule, "spaceDelimitedClaims">): ReadonlySet<string> {
  return new Set([...ALWAYS_SPACE_DELIMITED, ...rule.spaceDelimitedClaims]);
}

/** The claims as policies see them: texts of the named claims become lists of their words. */
export function splitClaims(claims: JwtClaims, names: ReadonlySet<string>): JwtClaims {
  const entries = Object.entries(claims).map(([name, value]) => [name, splitValue(name, value, names)] as const);
  // No prototype: "constructor" and "__proto__" are claims like any other.
  const split: Record<string, JsonValue> = Object.create(null);
  for (const [name, value] of entries) split[name] = value;
  return Object.freeze(split);
}

/** `request.auth.principal`; none when `iss` or `sub` is missing or empty. */
export function requestPrincipalOf({ iss, sub }: JwtClaims): string | undefined {
  return typeof iss === "string" && typeof sub === "string" && iss !== "" && sub !== "" ? `${iss}/${sub}` : undefined;
}

function splitValue(name: string, value: JsonValue, names: ReadonlySet<string>): JsonValue {
  if (typeof value !== "string" || !names.has(name)) return value;
  const words = value.split(" ").filter((word) => word !== "");
  // Without a word it stays a text (measured on Envoy 1.40).
  return words.length > 0 ? Object.freeze(words) : value;
}

/** `a.b` goes into objects; a claim whose own name has a dot cannot be named. */
function claimAt(claims: JwtClaims, path: string): JsonValue | undefined {
  let value: JsonValue | undefined = claims;
  for (const name of path.split(".")) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

/** Empty: no header. Lists and objects are base64 of their JSON, as on Envoy 1.40. */
function headerValue(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return toByteText(value);
  if (typeof value === "number") return numberText(value);
  if (typeof value === "boolean") return String(value);
  return encodeBase64(encodeUtf8(JSON.stringify(withSortedNames(value))));
}

/** Envoy writes what fits an unsigned 64-bit integer as one, and everything else with six decimals. */
function numberText(value: number): string {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 64) return BigInt(value).toString();
  return Math.abs(value) < 1e21 ? value.toFixed(6) : `${BigInt(value)}.000000`;
}

function withSortedNames(value: JsonValue): JsonValue {
  if (isObject(value)) {
    return Object.fromEntries(
      Object.entries(value)
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .map(([name, member]) => [name, withSortedNames(member)]),
    );
  }
  return Array.isArray(value) ? value.map(withSortedNames) : value;
}

function isObject(value: JsonValue | undefined): value is { readonly [key: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
