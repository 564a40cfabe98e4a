import type { Attribute, RuleItem } from "../authorization/index.ts";
import { blockContains, parseIpBlock } from "../ip-match.ts";
import { isPathTemplate, parsePathTemplate } from "../path-template.ts";
import { qualifiedServiceAccount } from "../peer-identity.ts";
import { parseRequestPrincipalPattern } from "../request-principal.ts";
import { globMatches, parseStringPattern, type StringPattern } from "../string-match.ts";

export interface ComparedValue {
  readonly value: string;
  readonly policyNamespace: string;
}

/**
 * Whether a value matches all that another one matches. Sound, not complete: "no" may also mean "not found out".
 * Both values are of the same attribute.
 */
export function valueCovers(
  { attribute, policyNamespace }: Pick<RuleItem, "attribute" | "policyNamespace">,
  wide: string,
  other: ComparedValue,
): boolean {
  const narrow = other.value;
  switch (attribute.kind) {
    case "serviceAccount":
      return qualifiedServiceAccount(wide, policyNamespace) === qualifiedServiceAccount(narrow, other.policyNamespace);
    case "namespace":
    case "trustDomain":
      // A star of the narrow value is absorbed by one of the wide value, or by nothing.
      return globMatches(wide, narrow);
    case "sourceAddress":
    case "remoteAddress":
    case "destinationAddress":
      return addressCovers(wide, narrow);
    case "destinationPort":
      return Number(wide) === Number(narrow);
    case "requestPrincipal": {
      const [left, right] = [parseRequestPrincipalPattern(wide), parseRequestPrincipalPattern(narrow)];
      return patternCovers(left.issuer, right.issuer) && patternCovers(left.subject, right.subject);
    }
    case "path":
      return pathCovers(wide, narrow);
    case "host":
      return patternCovers(parseStringPattern(wide.toLowerCase()), parseStringPattern(narrow.toLowerCase()));
    case "metadata":
      return wide === narrow;
    default:
      return patternCovers(parseStringPattern(wide), parseStringPattern(narrow));
  }
}

/** Whether two values can match nothing in common; "no" may also mean "not found out". */
export function valuesDisjoint(attribute: Attribute, left: string, right: string): boolean {
  const item = { attribute, policyNamespace: "" };
  const covers = (wide: string, narrow: string) => valueCovers(item, wide, { value: narrow, policyNamespace: "" });
  if (covers(left, right) || covers(right, left)) return false;
  switch (attribute.kind) {
    case "sourceAddress":
    case "remoteAddress":
    case "destinationAddress":
    case "destinationPort":
      return true;
    case "path":
      return !isPathTemplate(left) && !isPathTemplate(right) && patternsDisjoint(left, right);
    default:
      return patternsDisjoint(left, right);
  }
}

function patternsDisjoint(left: string, right: string): boolean {
  const kinds = [parseStringPattern(left).kind, parseStringPattern(right).kind];
  // Neither covers the other: then two of one kind, or a whole text beside anything, have nothing in common.
  return kinds.includes("exact") || (kinds[0] === kinds[1] && kinds[0] !== "present");
}

function patternCovers(wide: StringPattern, narrow: StringPattern): boolean {
  if (wide.kind === "present") return narrow.kind === "present" || narrow.text !== "";
  if (narrow.kind === "present") return false;
  if (wide.kind === "exact") return narrow.kind === "exact" && wide.text === narrow.text;
  if (narrow.kind !== "exact" && narrow.kind !== wide.kind) return false;
  return wide.kind === "prefix" ? narrow.text.startsWith(wide.text) : narrow.text.endsWith(wide.text);
}

function pathCovers(wide: string, narrow: string): boolean {
  if (wide === narrow || wide === "*") return true;
  if (isPathTemplate(narrow)) {
    const pattern = parseStringPattern(wide);
    return (
      !isPathTemplate(wide) && pattern.kind === "prefix" && parsePathTemplate(narrow).head.startsWith(pattern.text)
    );
  }
  const pattern = parseStringPattern(narrow);
  if (isPathTemplate(wide)) return pattern.kind === "exact" && parsePathTemplate(wide).matches(pattern.text);
  return patternCovers(parseStringPattern(wide), pattern);
}

function addressCovers(wide: string, narrow: string): boolean {
  const [outer, inner] = [parseIpBlock(wide), parseIpBlock(narrow)];
  return !!outer && !!inner && outer.prefixLength <= inner.prefixLength && blockContains(outer, inner);
}
