import type { AttachmentOptions } from "./policy-attachment.ts";
import { createPolicyIndex, type PolicyIndex } from "./policy-index.ts";
import type { RequestAuthentication } from "./request-authentication.ts";

/** All RequestAuthentications of a mesh; `attached` gives what `compileRequestAuthentication` wants for one workload. */
export function createRequestAuthenticationIndex(
  policies: Iterable<RequestAuthentication>,
  rootNamespace: string,
  options?: AttachmentOptions,
): PolicyIndex<RequestAuthentication> {
  return createPolicyIndex(policies, rootNamespace, options);
}
