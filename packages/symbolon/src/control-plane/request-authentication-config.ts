import type { JwtRule, RequestAuthentication } from "@symbolon/policy";
import { keySourceOf, type LocalConfig } from "../mesh/index.ts";

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
