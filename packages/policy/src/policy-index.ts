import { compareByCreation } from "./config-order.ts";
import type { WorkloadTarget } from "./effective-peer-authentication.ts";
import { selectorMatches, type WorkloadSelector } from "./selector.ts";
import type { PolicyTargetReference } from "./target-reference.ts";

/** Policies of one kind, sorted once, so that the cost per workload is that of its own and the root namespace alone. */
export interface PolicyIndex<Policy> {
  readonly rootNamespace: string;
  /** What attaches to a workload: its own namespace first, then the root namespace; oldest first in each. */
  attached(workload: WorkloadTarget): readonly Policy[];
}

interface AttachablePolicy {
  readonly name: string;
  readonly namespace: string;
  readonly creationTimestamp?: Date;
  readonly selector?: WorkloadSelector;
  readonly targetRefs: readonly PolicyTargetReference[];
}

/**
 * istio-security §0.2 for sidecars, classic gateways and the pods of a Kubernetes Gateway. "A policy in the root
 * namespace applies to every namespace; a policy anywhere else applies only inside its own namespace."
 */
export function createPolicyIndex<Policy extends AttachablePolicy>(
  policies: Iterable<Policy>,
  rootNamespace: string,
): PolicyIndex<Policy> {
  const namespaces = new Map<string, Policy[]>();
  for (const policy of [...policies].sort(compareByCreation)) {
    const sameNamespace = namespaces.get(policy.namespace);
    if (sameNamespace) sameNamespace.push(policy);
    else namespaces.set(policy.namespace, [policy]);
  }
  return {
    rootNamespace,
    attached: (workload) => {
      const { namespace } = workload;
      const scopes = namespace === rootNamespace ? [namespace] : [namespace, rootNamespace];
      return scopes.flatMap((scope) =>
        (namespaces.get(scope) ?? []).filter((policy) => policyAttaches(policy, workload)),
      );
    },
  };
}

function policyAttaches({ namespace, selector, targetRefs }: AttachablePolicy, workload: WorkloadTarget): boolean {
  if (targetRefs.length === 0) return selectorMatches(selector, workload.labels);
  const gateway = Object.hasOwn(workload.labels, GATEWAY_NAME) ? workload.labels[GATEWAY_NAME] : undefined;
  // "A sidecar ignores targetRef policies."
  if (gateway === undefined) return false;
  return targetRefs.some(
    ({ group, kind, name }) =>
      group === GATEWAY_GROUP && kind === "Gateway" && name === gateway && namespace === workload.namespace,
  );
}

const GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name";
const GATEWAY_GROUP = "gateway.networking.k8s.io";
