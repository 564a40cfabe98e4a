import type { JwtClaims } from "./attributes.ts";
import { patternMatches, type StringPattern } from "./string-match.ts";

/** Who a verified token says the end user is. */
export interface RequestPrincipal {
  readonly issuer: string;
  readonly subject: string;
}

/**
 * Undefined unless both are texts. Empty ones are compared like others, as Envoy does it: `*` never fits them, and a value
 * without slash or star fits exactly the empty subject.
 */
export function issuerAndSubject(claims: JwtClaims | undefined): RequestPrincipal | undefined {
  const issuer = claims?.iss;
  const subject = claims?.sub;
  return typeof issuer === "string" && typeof subject === "string" ? { issuer, subject } : undefined;
}

export interface RequestPrincipalPattern {
  readonly issuer: StringPattern;
  readonly subject: StringPattern;
}

/** istio-security §3.6, row by row; "split at the last `/` because issuers are URLs". */
export function parseRequestPrincipalPattern(value: string): RequestPrincipalPattern {
  const slash = value.lastIndexOf("/");
  if (value === "*") return { issuer: PRESENT, subject: PRESENT };
  if (slash < 0) {
    if (value.startsWith("*")) return { issuer: PRESENT, subject: { kind: "suffix", text: value.slice(1) } };
    if (value.endsWith("*")) return { issuer: { kind: "prefix", text: value.slice(0, -1) }, subject: PRESENT };
    return { issuer: { kind: "exact", text: value }, subject: { kind: "exact", text: "" } };
  }
  const issuer = value.slice(0, slash);
  const subject = value.slice(slash + 1);
  if (issuer.startsWith("*"))
    return {
      issuer: issuer === "*" ? PRESENT : { kind: "suffix", text: issuer.slice(1) },
      subject: { kind: "exact", text: subject },
    };
  return { issuer: { kind: "exact", text: issuer }, subject: subjectPattern(subject) };
}

export function requestPrincipalMatches(pattern: RequestPrincipalPattern, actual: RequestPrincipal): boolean {
  return patternMatches(pattern.issuer, actual.issuer) && patternMatches(pattern.subject, actual.subject);
}

/** Here a `*` in front has no meaning: the value as a whole did not begin with one. */
function subjectPattern(subject: string): StringPattern {
  if (subject === "*") return PRESENT;
  return subject.endsWith("*") ? { kind: "prefix", text: subject.slice(0, -1) } : { kind: "exact", text: subject };
}

const PRESENT: StringPattern = { kind: "present" };
