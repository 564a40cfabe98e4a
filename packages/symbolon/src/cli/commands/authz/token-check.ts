import {
  type CompactToken,
  compileRequestAuthentication,
  type JwtRule,
  type RequestAttributes,
  type RequestAuthentication,
  type RequestAuthenticationOutcome,
} from "@symbolon/policy";
import { isJsonObject, isSymbolonError, parseStrictJson } from "@symbolon/spiffe/core";
import { checkSignature, type JwkSet, parseJwsCompact, parseProviderKeySet } from "@symbolon/spiffe/jwt";
import { keySourceOf } from "../../../mesh/index.ts";
import type { KeySets } from "../../policy-set/policy-source.ts";

export interface TokenCheck {
  /** As AuthorizationPolicies see it: with claims, and without what the proxy takes out. */
  readonly request: RequestAttributes;
  readonly outcome: RequestAuthenticationOutcome;
  /** One line for people. */
  readonly text: string;
  readonly notes: readonly string[];
}

/**
 * What the workload's RequestAuthentications make of a request.
 * Keys are those written in the policy, `jwks`, or of `keySets`, which a running mesh has fetched and where a missing one
 * refuses tokens, as it does there. Without any of them a token is taken as one that verifies, and that is said.
 */
export function checkToken(
  request: RequestAttributes,
  policies: readonly RequestAuthentication[],
  { now, jwks, keySets }: { readonly now: Date; readonly jwks?: string; readonly keySets?: KeySets },
): TokenCheck {
  const unverified = new Set<JwtRule>();
  const outcome = compileRequestAuthentication(policies)(request, now, {
    keysOf: (rule) => {
      const keys = rule.jwks || (jwks ?? keySets?.get(keySourceOf(rule) ?? ""));
      if (keys !== undefined) return parseProviderKeySet(keys);
      if (keySets) return { kind: "fetch_failed" as const };
      unverified.add(rule);
      return { kind: "ready" as const, keys: NOT_AT_HAND };
    },
    verifySignature: (token: CompactToken, keys: JwkSet) =>
      keys === NOT_AT_HAND ? "verified" : checkSignature(token.text, keys),
  });
  if (outcome.kind === "refused") return { request, outcome, text: `refused: ${outcome.answer.body}`, notes: [] };
  const { removeHeaders, addHeaders, path = request.path } = outcome.changes;
  const headers = new Map(request.headers);
  for (const name of removeHeaders) headers.delete(name);
  for (const { name, value } of addHeaders) headers.set(name, [...(headers.get(name) ?? []), value]);
  if (outcome.kind === "anonymous") return { request: { ...request, headers, path }, outcome, text: "none", notes: [] };
  const { rule } = outcome.by;
  const isUnverified = unverified.has(rule);
  const principal = outcome.requestPrincipal === undefined ? "" : `, request principal ${outcome.requestPrincipal}`;
  return {
    request: { ...request, headers, path, claims: outcome.claims },
    outcome,
    text: `${isUnverified ? "accepted without looking at its signature" : "verified"}, issuer ${rule.issuer}${principal}`,
    notes: isUnverified
      ? [
          `the token's signature was NOT verified: the keys of issuer "${rule.issuer}" are not in the policy but at ${rule.jwksUri ?? "the issuer"} (give --jwks); the answer holds for a token that verifies`,
        ]
      : [],
  };
}

/** Puts a token where a rule for its issuer looks for it: in `Authorization` unless the rule names other places. */
export function withToken(
  request: RequestAttributes,
  token: string,
  policies: readonly RequestAuthentication[],
): RequestAttributes {
  const rules = policies.flatMap(({ jwtRules }) => jwtRules);
  const issuer = issuerOf(token);
  const rule =
    rules.find((candidate) => candidate.issuer === issuer) ?? rules.find((candidate) => candidate.issuer === "");
  const [header] = rule?.fromHeaders ?? [];
  const [parameter] = rule?.fromParams ?? [];
  const [cookie] = rule?.fromCookies ?? [];
  const add = (name: string, value: string): RequestAttributes => ({
    ...request,
    headers: new Map([...request.headers, [name, [value]]]),
  });
  if (header) return add(header.name.toLowerCase(), `${header.prefix}${token}`);
  if (parameter !== undefined)
    return { ...request, path: `${request.path}${request.path.includes("?") ? "&" : "?"}${parameter}=${token}` };
  return cookie === undefined ? add("authorization", `Bearer ${token}`) : add("cookie", `${cookie}=${token}`);
}

function issuerOf(token: string): string | undefined {
  try {
    const claims = parseStrictJson(new TextDecoder().decode(parseJwsCompact(token).payload));
    return isJsonObject(claims) && typeof claims.iss === "string" ? claims.iss : undefined;
  } catch (error) {
    if (!isSymbolonError(error)) throw error;
    return undefined;
  }
}

/** Stands for keys that somebody else has. */
const NOT_AT_HAND: JwkSet = Object.freeze({ keys: [] });
