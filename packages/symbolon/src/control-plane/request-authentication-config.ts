import type { JwtRule, RequestAuthentication } from "@symbolon/policy";
import { parseProviderKeySet } from "@symbolon/spiffe/jwt";
import { type FetchedKeySet, keySourceOf, type LocalConfig } from "../mesh/index.ts";
import type { KeySetStatus, WantedKeySet } from "./key-sets.ts";

/** What a proxy is told of the RequestAuthentications that attach to its workload; nothing when no rule is among them. */
export function requestAuthentication(
  attached: readonly RequestAuthentication[],
  keySet: (source: string) => string | undefined,
): Pick<LocalConfig, "requestAuthentication"> {
  const policies = attached.filter(({ jwtRules }) => jwtRules.length > 0).map(withoutPlaces);
  if (policies.length === 0) return {};
  const sources = new Set(policies.flatMap(({ jwtRules }) => jwtRules.flatMap((rule) => keySourceOf(rule) ?? [])));
  const keySets = [...sources].sort().flatMap((source) => {
    const jwks = keySet(source);
    return jwks === undefined ? [] : [{ source, jwks }];
  });
  return { requestAuthentication: { policies, keySets } };
}

/** Each source once, with the longest time that one of its rules gives it. */
export function wantedKeySets(policies: readonly RequestAuthentication[]): readonly WantedKeySet[] {
  const timeouts = new Map<string, number>();
  for (const rule of policies.flatMap(({ jwtRules }) => jwtRules)) {
    const source = keySourceOf(rule);
    if (source !== undefined) timeouts.set(source, Math.max(timeouts.get(source) ?? 0, rule.timeoutMs));
  }
  return [...timeouts].map(([source, timeoutMs]) => ({ source, timeoutMs: Math.min(timeoutMs, MAX_TIMEOUT_MS) }));
}

const MAX_TIMEOUT_MS = 60_000;

/** Sets that were fetched. One that is refused may hold private keys, which is why it is: it is told as one without keys. */
export function publicKeySets(
  policies: readonly RequestAuthentication[],
  current: (source: string) => string | undefined,
): readonly FetchedKeySet[] {
  return wantedKeySets(policies).flatMap(({ source }) => {
    const jwks = current(source);
    if (jwks === undefined) return [];
    return [{ source, jwks: parseProviderKeySet(jwks).kind === "ready" ? jwks : '{"keys":[]}' }];
  });
}

/** A line for each source that has no usable key, or could not be fetched when it was last tried. */
export function keySetProblems(
  policies: readonly RequestAuthentication[],
  statusOf: (source: string) => KeySetStatus | undefined,
): readonly string[] {
  return wantedKeySets(policies).flatMap(({ source }) => {
    const status = statusOf(source);
    if (status?.problem === undefined) return [];
    const users = policies.filter(({ jwtRules }) => jwtRules.some((rule) => keySourceOf(rule) === source));
    const names = users.map(({ namespace, name }) => `RequestAuthentication ${namespace}/${name}`).join(", ");
    const effect =
      status.fetchedAt === undefined || status.isRefused
        ? "tokens that need them get 401"
        : `those of ${status.fetchedAt} are used until they are a day old`;
    const what = status.isRefused ? "cannot be used" : "cannot be fetched";
    return [`keys of ${names} ${what}: ${status.problem}; ${effect}`];
  });
}

const placeless = new WeakMap<RequestAuthentication, RequestAuthentication>();

/** Lines that move in a file are no change for a proxy. The same object for the same policy. */
function withoutPlaces(policy: RequestAuthentication): RequestAuthentication {
  const known = placeless.get(policy);
  if (known) return known;
  const { namespace, name, jwtRules } = policy;
  const made: RequestAuthentication = {
    kind: "RequestAuthentication",
    namespace,
    name,
    position: PLACE,
    targetRefs: [],
    jwtRules: jwtRules.map((rule): JwtRule => ({ ...rule, position: PLACE })),
  };
  placeless.set(policy, made);
  return made;
}

const PLACE = Object.freeze({ file: "", line: 1, column: 1 });
