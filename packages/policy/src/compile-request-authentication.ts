import type { JwtClaims } from "./attributes.ts";
import { type CompactToken, parseCompactToken } from "./compact-token.ts";
import {
  type AllowedAudiences,
  checkAudiences,
  checkIssuer,
  checkTimes,
  compileAudiences,
} from "./jwt-claim-checks.ts";
import { type JwtFailure, refuseToken } from "./jwt-failures.ts";
import {
  compileJwtLocations,
  type FoundToken,
  findTokens,
  firstPlace,
  type JwtLocations,
  type TokenPlace,
} from "./jwt-locations.ts";
import {
  type HeaderLine,
  outputHeaderNames,
  outputHeaders,
  requestPrincipalOf,
  spaceDelimitedClaims,
  splitClaims,
} from "./jwt-outputs.ts";
import { withoutQueryParameters } from "./query-parameters.ts";
import type { RequestAuthentication } from "./request-authentication.ts";
import type {
  AttachedJwtRule,
  AuthenticatedRequest,
  RequestAuthenticationOutcome,
  RequestChanges,
  RuleKeys,
  TokenValidity,
  TokenVerification,
} from "./request-authentication-outcome.ts";

export interface RequestAuthenticationOptions {
  /** On `nbf` and `exp`; 60. */
  readonly clockSkewSeconds?: number;
}

/** Decides on the tokens of one request. Pure: same arguments, same outcome. */
export type EvaluateRequestAuthentication = <Keys>(
  request: AuthenticatedRequest,
  now: Date,
  verification: TokenVerification<Keys>,
) => RequestAuthenticationOutcome;

/**
 * Compiles all RequestAuthentications that attach to a workload. Their rules are put together and sorted by issuer, equal
 * issuers in the order given (istio-security §2.3).
 *
 * A request passes when all tokens at the places of one rule verify, or when there is no token at the places of any rule
 * and none of them has `presence: REQUIRED`. That is what Istio's requirement any(P0, …, all(any(P0, missing), …)) says of a request that does not change while it
 * is looked at; Envoy takes tokens out as it goes, so that a bad second header line may be gone before it counts (ADR 13).
 */
export function compileRequestAuthentication(
  policies: readonly RequestAuthentication[],
  options: RequestAuthenticationOptions = {},
): EvaluateRequestAuthentication {
  const providers = compileProviders(policies, options.clockSkewSeconds ?? 60);
  const missing = missingFailure(providers);
  const removeHeaders = outputNamesOf(policies);
  const unchanged: RequestChanges = Object.freeze({ removeHeaders, addHeaders: Object.freeze([]) });

  return (request, now, verification) => {
    if (isCorsPreflight(request)) return { kind: "anonymous", why: "cors_preflight", changes: unchanged };
    const failures: Failure[] = [];
    let isMissingFirst = false;
    for (const provider of providers) {
      const attempt = tryProvider(provider, request, now, verification);
      if (attempt.kind === "verified") return authenticate(provider, attempt, request, removeHeaders);
      if (attempt.kind === "failed") failures.push({ ...attempt, by: provider.attached });
      else if (provider.attached.rule.isTokenRequired && failures.length === 0) isMissingFirst = true;
    }
    const decisive = mostSpecific(failures, isMissingFirst) ?? missing;
    if (!decisive) return { kind: "anonymous", why: "no_token", changes: unchanged };
    return { ...decisive, kind: "refused", answer: refuseToken(decisive.failure, request) };
  };
}

interface Provider {
  readonly attached: AttachedJwtRule;
  readonly locations: JwtLocations;
  readonly audiences: AllowedAudiences;
  readonly spaceDelimited: ReadonlySet<string>;
  readonly clockSkewSeconds: number;
  /** What becomes of a token is made once for who reads it once (`TokenVerification.readToken`). */
  readonly results: WeakMap<CompactToken, TokenResult>;
}

interface TokenResult {
  readonly claims: JwtClaims;
  readonly requestPrincipal?: string;
  readonly addHeaders: readonly HeaderLine[];
}

interface Failure {
  readonly failure: JwtFailure;
  readonly place: TokenPlace;
  readonly by: AttachedJwtRule;
  readonly validity?: TokenValidity;
}

type Attempt =
  | { readonly kind: "missing" }
  | {
      readonly kind: "failed";
      readonly failure: JwtFailure;
      readonly place: TokenPlace;
      readonly validity?: TokenValidity;
    }
  | { readonly kind: "verified"; readonly tokens: readonly FoundToken[]; readonly first: VerifiedToken };

interface VerifiedToken {
  readonly token: CompactToken;
  readonly place: TokenPlace;
}

function compileProviders(policies: readonly RequestAuthentication[], clockSkewSeconds: number): readonly Provider[] {
  const attached = policies.flatMap((policy) => policy.jwtRules.map((rule, index) => ({ policy, rule, index })));
  attached.sort((left, right) => compareText(left.rule.issuer, right.rule.issuer));
  const unreadable = new Set(outputNamesOf(policies));
  return attached.map((entry) => ({
    attached: entry,
    locations: compileJwtLocations(entry.rule, unreadable),
    audiences: compileAudiences(entry.rule),
    spaceDelimited: spaceDelimitedClaims(entry.rule),
    clockSkewSeconds,
    results: new WeakMap(),
  }));
}

/**
 * Last token first, as Envoy does: it decides which fault is told, and that the first token becomes the principal. Then
 * those that Envoy does not see.
 */
function tryProvider<Keys>(
  provider: Provider,
  request: AuthenticatedRequest,
  now: Date,
  verification: TokenVerification<Keys>,
): Attempt {
  const tokens = findTokens(provider.locations, request);
  let first: VerifiedToken | undefined;
  for (const isRepeated of [undefined, true]) {
    for (let index = tokens.length - 1; index >= 0; index--) {
      const found = tokens[index];
      if (found?.isRepeated !== isRepeated || !found) continue;
      const { text, place } = found;
      const result = checkToken(text, provider, now, verification);
      if (typeof result === "string") return { kind: "failed", failure: result, place, ...validityOf(result, text) };
      if (!isRepeated) first = { token: result, place };
    }
  }
  return first ? { kind: "verified", tokens, first } : { kind: "missing" };
}

function validityOf(failure: JwtFailure, text: string): { readonly validity?: TokenValidity } {
  const token = failure === "expired" || failure === "not_yet_valid" ? parseCompactToken(text) : failure;
  if (typeof token === "string") return {};
  const { nbf, exp } = token.claims;
  return {
    validity: {
      ...(typeof nbf === "number" ? { notBefore: nbf } : {}),
      ...(typeof exp === "number" ? { expires: exp } : {}),
    },
  };
}

/** The order of istio-security §2.5. */
function checkToken<Keys>(
  text: string,
  { attached: { rule }, audiences, clockSkewSeconds }: Provider,
  now: Date,
  verification: TokenVerification<Keys>,
): CompactToken | JwtFailure {
  const token = (verification.readToken ?? parseCompactToken)(text);
  if (typeof token === "string") return token;
  const failure =
    checkIssuer(token.claims, rule) ??
    checkTimes(token.claims, now, clockSkewSeconds) ??
    checkAudiences(token.claims, audiences);
  if (failure) return failure;

  const keys = verification.keysOf(rule);
  if (keys.kind !== "ready") return KEY_SET_FAILURES[keys.kind];
  if (token.hasCriticalHeader) return "signature_invalid";
  const verdict = verification.verifySignature(token, keys.keys);
  // Compared with the one good answer, so that any other refuses.
  if (verdict === "verified") return token;
  return verdict === "no_key" ? "no_matching_key" : "signature_invalid";
}

const KEY_SET_FAILURES = {
  not_json: "key_set_not_json",
  no_keys: "key_set_without_keys",
  keys_not_list: "key_set_keys_not_list",
  no_valid_keys: "key_set_without_valid_keys",
  fetch_failed: "key_set_fetch_failed",
} as const satisfies Record<Exclude<RuleKeys<unknown>["kind"], "ready">, JwtFailure>;

function authenticate(
  provider: Provider,
  { tokens, first }: Extract<Attempt, { kind: "verified" }>,
  request: AuthenticatedRequest,
  outputNames: readonly string[],
): RequestAuthenticationOutcome {
  const { attached } = provider;
  const { rule } = attached;
  const { token, place } = first;
  const { addHeaders, ...result } = resultOf(token, provider);
  const taken = (kind: TokenPlace["kind"]) =>
    rule.forwardOriginalToken ? [] : tokens.flatMap((found) => (found.place.kind === kind ? [found.place.name] : []));
  const path = withoutQueryParameters(request.path, taken("parameter"));
  return {
    kind: "authenticated",
    by: attached,
    place,
    ...result,
    changes: {
      // Cookies stay, as with Istio.
      removeHeaders: [...new Set([...outputNames, ...taken("header")])],
      addHeaders,
      ...(path === request.path ? {} : { path }),
    },
  };
}

function resultOf(token: CompactToken, { attached, spaceDelimited, results }: Provider): TokenResult {
  const known = results.get(token);
  if (known) return known;
  const requestPrincipal = requestPrincipalOf(token.claims);
  const made: TokenResult = {
    claims: splitClaims(token.claims, spaceDelimited),
    ...(requestPrincipal === undefined ? {} : { requestPrincipal }),
    addHeaders: outputHeaders(attached.rule, token),
  };
  results.set(token, made);
  return made;
}

/** Of a request without any token, where one of the rules asks for one. */
function missingFailure(providers: readonly Provider[]): Failure | undefined {
  const requiring = providers.find(({ attached }) => attached.rule.isTokenRequired);
  return requiring && { failure: "token_missing", place: firstPlace(requiring.locations), by: requiring.attached };
}

/**
 * Which of several failures is answered: Envoy folds those of the providers, and then once more the first of them, which
 * is what its inner `all` fails with, if no token is missing there before; an issuer that is not configured gives way to
 * anything else (istio-security §2.3).
 */
function mostSpecific(failures: readonly Failure[], isMissingFirst: boolean): Failure | undefined {
  const [first] = failures;
  let decisive = first;
  for (const failure of first && !isMissingFirst ? [...failures, first] : failures) {
    if (failure.failure !== "issuer_not_configured") decisive = failure;
  }
  return decisive;
}

/** Fetch §3.2.2, CORS-preflight request: browsers send no credentials with it. */
function isCorsPreflight({ method, headers }: AuthenticatedRequest): boolean {
  const has = (name: string) => headers.get(name)?.some((value) => value !== "") ?? false;
  return method === "OPTIONS" && has("origin") && has("access-control-request-method");
}

function outputNamesOf(policies: readonly RequestAuthentication[]): readonly string[] {
  const names = policies.flatMap(({ jwtRules }) => jwtRules.flatMap(outputHeaderNames));
  return Object.freeze([...new Set(names)]);
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
