import type { AuthorizationPolicy } from "@symbolon/policy";
import type { LocalConfig, MeshView, RequestAuthenticationConfig } from "./proxy-config.ts";
import { policyToWire } from "./wire-policy.ts";

/**
 * JSON texts of the parts of a configuration, each made once, however many proxies and versions have the part.
 * INVARIANT: what has been given to a proxy is never edited.
 */
export const meshText: (mesh: MeshView) => string = once((mesh) => JSON.stringify(mesh));

/** In the form for the wire: what decides, and no places in files. */
export const policyText: (policy: AuthorizationPolicy) => string = once((policy) =>
  JSON.stringify(policyToWire(policy)),
);

export const tokensText: (tokens: RequestAuthenticationConfig) => string = once((tokens) => JSON.stringify(tokens));

/** What a proxy is told of its own workload besides policies. */
export type OwnConfig = Omit<LocalConfig, "authorizationPolicies" | "requestAuthentication">;

export const ownText: (local: LocalConfig) => string = once(
  ({ authorizationPolicies: _policies, requestAuthentication: _tokens, ...own }) => JSON.stringify(own),
);

function once<Part extends object>(make: (part: Part) => string): (part: Part) => string {
  const texts = new WeakMap<Part, string>();
  return (part) => {
    const known = texts.get(part);
    if (known !== undefined) return known;
    const made = make(part);
    texts.set(part, made);
    return made;
  };
}
