import {
  compileRequestAuthentication,
  type JwtRule,
  parseCompactToken,
  type RequestAuthenticationOutcome,
  type RuleKeys,
  type TokenVerification,
  withoutQueryParameters,
} from "@symbolon/policy/enforcement";
import type { Clock } from "@symbolon/spiffe/core";
import { checkSignature, type JwkSet, parseProviderKeySet } from "@symbolon/spiffe/jwt";
import { keySourceOf, type ProxyConfig, type RequestAuthenticationConfig, tokensText } from "../mesh/data-plane.ts";
import { VerifiedTokens } from "./verified-tokens.ts";
import type { AuthenticateTokens, TokenOutcome } from "./workload-policy.ts";

/** On `nbf` and `exp` (istio-security §2.5). */
const CLOCK_SKEW_SECONDS = 60;
const BETWEEN_REPORTS_MS = 10_000;

export interface TokenPorts {
  readonly clock: Pick<Clock, "now">;
  /** The set from this source has no key for a token: whoever fetches it may want to fetch it again. */
  readonly keyUnknown: (source: string) => void;
}

/** Compiles a workload's RequestAuthentications; equal ones are compiled, and their tokens verified, once. */
export function createTokenCompiler(ports: TokenPorts): (config: ProxyConfig) => AuthenticateTokens | undefined {
  let source: string | undefined;
  let compiled: AuthenticateTokens | undefined;
  const keyUnknown = atMostEach(BETWEEN_REPORTS_MS, ports);
  return ({ local: { requestAuthentication } }) => {
    if (!requestAuthentication) return undefined;
    const newSource = tokensText(requestAuthentication);
    if (newSource === source) return compiled;
    compiled = compile(requestAuthentication, { ...ports, keyUnknown });
    source = newSource;
    return compiled;
  };
}

function compile(config: RequestAuthenticationConfig, { clock, keyUnknown }: TokenPorts): AuthenticateTokens {
  const evaluate = compileRequestAuthentication(config.policies, { clockSkewSeconds: CLOCK_SKEW_SECONDS });
  const keys = readKeys(config);
  const sources = new Map(
    [...keys].flatMap(([rule, found]) => {
      const source = keySourceOf(rule);
      return found.kind === "ready" && source !== undefined ? [[found.keys, source] as const] : [];
    }),
  );
  const verified = new VerifiedTokens();
  let now = clock.now();
  const verification: TokenVerification<JwkSet> = {
    readToken: (text) => verified.find(text, now.getTime())?.token ?? parseCompactToken(text),
    keysOf: (rule) => keys.get(rule) ?? FETCH_FAILED,
    verifySignature(token, keySet) {
      if (verified.find(token.text, now.getTime())?.keys === keySet) return "verified";
      const verdict = checkSignature(token.text, keySet);
      if (verdict === "verified") verified.add(token, keySet, now.getTime());
      const source = sources.get(keySet);
      if (verdict === "no_key" && source !== undefined) keyUnknown(source);
      return verdict;
    },
  };
  return (request) => {
    now = clock.now();
    const outcome = evaluate(request, now, verification);
    switch (outcome.kind) {
      case "anonymous":
        return { kind: "passed", changes: outcome.changes };
      case "authenticated":
        return { kind: "passed", claims: outcome.claims, changes: outcome.changes };
      case "refused":
        return refusal(outcome, request.path, now);
    }
  };
}

const FETCH_FAILED: RuleKeys<never> = { kind: "fetch_failed" };

/** One set for one text, so that rules which share it share verified tokens as well. */
function readKeys({ policies, keySets }: RequestAuthenticationConfig): ReadonlyMap<JwtRule, RuleKeys<JwkSet>> {
  const fetched = new Map(keySets.map(({ source, jwks }) => [source, jwks]));
  const sets = new Map<string, RuleKeys<JwkSet>>();
  const read = (text: string): RuleKeys<JwkSet> => {
    const known = sets.get(text);
    if (known) return known;
    const made: RuleKeys<JwkSet> = parseProviderKeySet(text);
    sets.set(text, made);
    return made;
  };
  return new Map(
    policies.flatMap(({ jwtRules }) =>
      jwtRules.map((rule) => {
        const text = rule.jwks || fetched.get(keySourceOf(rule) ?? "");
        return [rule, text === undefined ? FETCH_FAILED : read(text)] as const;
      }),
    ),
  );
}

type Refused = Extract<RequestAuthenticationOutcome, { kind: "refused" }>;

/** The client is told Istio's words; the record says which rule it was, and both clocks where time decided. */
function refusal(outcome: Refused, path: string, now: Date): TokenOutcome {
  const { failure, answer, by, place, validity } = outcome;
  const { policy, index, rule } = by;
  const facts = [`RequestAuthentication ${policy.namespace}/${policy.name} jwtRules[${index}]`];
  if (failure === "key_set_fetch_failed") facts.push(`no keys from ${keySourceOf(rule) ?? "the rule"}`);
  if (validity?.notBefore !== undefined) facts.push(`nbf ${timeText(validity.notBefore)}`);
  if (validity?.expires !== undefined) facts.push(`exp ${timeText(validity.expires)}`);
  if (validity) facts.push(`clock of this proxy ${now.toISOString()}`);
  const parameters = [...rule.fromParams, ...(place.kind === "parameter" ? [place.name] : []), "access_token"];
  return {
    kind: "refused",
    reason: `jwt_${failure}`,
    path: withoutQueryParameters(path, parameters),
    reply: {
      status: answer.status,
      flag: "RBAC",
      detail: `${answer.responseCodeDetail} ${facts.join(", ")}`,
      body: answer.body,
      fields: `WWW-Authenticate: ${answer.wwwAuthenticate}\r\n`,
    },
  };
}

/** @param seconds of Unix time; whatever no Date can be stays a number */
function timeText(seconds: number): string {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime()) ? String(seconds) : time.toISOString();
}

/** Whoever sends tokens with invented key names must not be able to send reports. */
function atMostEach(periodMs: number, { clock, keyUnknown }: TokenPorts): (source: string) => void {
  const lastMs = new Map<string, number>();
  return (source) => {
    const nowMs = clock.now().getTime();
    const last = lastMs.get(source);
    if (last !== undefined && nowMs >= last && nowMs - last < periodMs) return;
    if (lastMs.size > 1000) lastMs.clear();
    lastMs.set(source, nowMs);
    keyUnknown(source);
  };
}
