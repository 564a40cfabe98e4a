import type { AuthorizationPolicy } from "./authorization-policy.ts";
import { createPolicyIndex, type PolicyIndex } from "./policy-index.ts";

/** All AuthorizationPolicies of a mesh; `attached` gives what `compileAuthorization` wants for one workload. */
export function createAuthorizationPolicyIndex(
  policies: Iterable<AuthorizationPolicy>,
  rootNamespace: string,
): PolicyIndex<AuthorizationPolicy> {
  return createPolicyIndex(policies, rootNamespace);
}
