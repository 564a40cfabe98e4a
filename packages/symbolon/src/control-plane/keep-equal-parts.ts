import type { AuthorizationPolicy } from "@symbolon/policy";
import {
  type LocalConfig,
  meshText,
  ownText,
  policyText,
  type RequestAuthenticationConfig,
  tokensText,
} from "../mesh/index.ts";
import type { SnapshotContent } from "./compute-snapshot.ts";

/**
 * The new content with every part that is equal to what it was as the old object: what is the same object has not to be
 * sent again. Equal is what has the same text for a proxy. Undefined: nothing differs.
 */
export function keepEqualParts(
  before: SnapshotContent | undefined,
  { mesh, locals }: SnapshotContent,
): SnapshotContent | undefined {
  const keep = createKeeper(before);
  const kept = new Map([...locals].map(([podUid, local]) => [podUid, keep(before?.locals.get(podUid), local)]));
  if (before === undefined) return { mesh, locals: kept };
  const keptMesh = meshText(before.mesh) === meshText(mesh) ? before.mesh : mesh;
  const isSame = keptMesh === before.mesh && kept.size === before.locals.size;
  if (isSame && [...kept].every(([podUid, local]) => before.locals.get(podUid) === local)) return undefined;
  return { mesh: keptMesh, locals: kept };
}

type Policies = readonly AuthorizationPolicy[];

/** Pods of one Deployment follow one another: what is equal of two neighbours is one object as well. */
function createKeeper(
  content: SnapshotContent | undefined,
): (before: LocalConfig | undefined, local: LocalConfig) => LocalConfig {
  const policyOf = keepPolicies(content);
  let lastPolicies: Policies | undefined;
  let lastTokens: RequestAuthenticationConfig | undefined;
  return (before, local) => {
    const policies = local.authorizationPolicies.map(policyOf);
    lastPolicies =
      [before?.authorizationPolicies, lastPolicies].find((list) => sameElements(list, policies)) ?? policies;
    const tokens = local.requestAuthentication;
    if (tokens)
      lastTokens = [before?.requestAuthentication, lastTokens].find((each) => sameTokens(each, tokens)) ?? tokens;
    const kept = tokens && lastTokens;
    const isSame =
      lastPolicies === before?.authorizationPolicies &&
      kept === before.requestAuthentication &&
      ownText(before) === ownText(local);
    if (isSame) return before;
    return { ...local, authorizationPolicies: lastPolicies, ...(kept ? { requestAuthentication: kept } : {}) };
  };
}

/** A policy of the same name and text as before is the one before. */
function keepPolicies(content: SnapshotContent | undefined): (policy: AuthorizationPolicy) => AuthorizationPolicy {
  const nameOf = ({ namespace, name }: AuthorizationPolicy): string => `${namespace}/${name}`;
  const lists = new Set(
    [...(content?.locals.values() ?? [])].map(({ authorizationPolicies }) => authorizationPolicies),
  );
  const old = new Map([...lists].flatMap((list) => list.map((policy) => [nameOf(policy), policy] as const)));
  const decided = new Map<AuthorizationPolicy, AuthorizationPolicy>();
  return (policy) => {
    const known = decided.get(policy);
    if (known) return known;
    const before = old.get(nameOf(policy));
    const kept = before && (before === policy || policyText(before) === policyText(policy)) ? before : policy;
    decided.set(policy, kept);
    return kept;
  };
}

function sameElements<Element>(a: readonly Element[] | undefined, b: readonly Element[]): boolean {
  return a === b || (a?.length === b.length && a.every((element, index) => b[index] === element));
}

function sameTokens(a: RequestAuthenticationConfig | undefined, b: RequestAuthenticationConfig): boolean {
  if (!a) return false;
  const sameKeys =
    a.keySets.length === b.keySets.length &&
    a.keySets.every(({ source, jwks }, index) => b.keySets[index]?.source === source && b.keySets[index].jwks === jwks);
  return sameKeys && (sameElements(a.policies, b.policies) || tokensText(a) === tokensText(b));
}
