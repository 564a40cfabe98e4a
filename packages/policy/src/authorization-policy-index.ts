import type { AuthorizationPolicy } from "./authorization-policy.ts";
import type { AttachmentOptions } from "./policy-attachment.ts";
import { createPolicyIndex, type PolicyIndex } from "./policy-index.ts";

/** All AuthorizationPolicies of a mesh; `attached` gives what `compileAuthorization` wants for one workload. */
export function createAuthorizationPolicyIndex(
  policies: Iterable<AuthorizationPolicy>,
  rootNamespace: string,
  options?: AttachmentOptions,
): PolicyIndex<AuthorizationPolicy> {
  return createPolicyIndex(policies, rootNamespace, options);
}
