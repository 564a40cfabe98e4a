import { compareByCreation } from "./config-order.ts";
import {
  type AttachablePolicy,
  type AttachmentOptions,
  type AttachmentTarget,
  policyAttaches,
  searchedNamespaces,
} from "./policy-attachment.ts";

/** Policies of one kind by namespace, so that the cost per workload is that of the namespaces that it looks at alone. */
export interface PolicyIndex<Policy> {
  readonly rootNamespace: string;
  /**
   * What attaches to a workload: its own namespace first, then the root namespace, then those of a waypoint's services;
   * oldest first in each.
   */
  attached(target: AttachmentTarget): readonly Policy[];
}

/**
 * istio-security §0.2. "A policy in the root namespace applies to every namespace; a policy anywhere else applies only
 * inside its own namespace."
 */
export function createPolicyIndex<Policy extends AttachablePolicy>(
  policies: Iterable<Policy>,
  rootNamespace: string,
  options: AttachmentOptions = {},
): PolicyIndex<Policy> {
  const namespaces = new Map<string, Policy[]>();
  for (const policy of policies) {
    const sameNamespace = namespaces.get(policy.namespace);
    if (sameNamespace) sameNamespace.push(policy);
    else namespaces.set(policy.namespace, [policy]);
  }
  // Sorted when first asked for: a new index for each change of one policy costs next to nothing.
  const sorted = new Map<string, readonly Policy[]>();
  const policiesOf = (namespace: string): readonly Policy[] => {
    const known = sorted.get(namespace) ?? (namespaces.get(namespace) ?? []).toSorted(compareByCreation);
    sorted.set(namespace, known);
    return known;
  };
  const rules = { ...options, rootNamespace };
  return {
    rootNamespace,
    attached: (target) =>
      searchedNamespaces(target, rootNamespace).flatMap((namespace) =>
        policiesOf(namespace).filter((policy) => policyAttaches(policy, target, rules)),
      ),
  };
}
