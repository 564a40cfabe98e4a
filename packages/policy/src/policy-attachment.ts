import type { WorkloadTarget } from "./effective-peer-authentication.ts";
import { selectorMatches, type WorkloadSelector } from "./selector.ts";
import type { PolicyTargetReference } from "./target-reference.ts";

/** Where policies may attach: a sidecar, the pods of a gateway, or a waypoint. */
export interface AttachmentTarget extends WorkloadTarget {
  /** Present on a waypoint alone: the services whose traffic is to be decided. */
  readonly waypointFor?: readonly WaypointService[];
}

/** Kubernetes: a Service. External: a ServiceEntry. */
export interface WaypointService {
  readonly registry: "Kubernetes" | "External";
  readonly namespace: string;
  readonly name: string;
}

export interface AttachmentOptions {
  /** False: pods of a Kubernetes Gateway are reached by target references alone (ENABLE_SELECTOR_BASED_K8S_GATEWAY_POLICY). */
  readonly selectorsReachGateways?: boolean;
}

export interface AttachablePolicy {
  readonly name: string;
  readonly namespace: string;
  readonly creationTimestamp?: Date;
  readonly selector?: WorkloadSelector;
  readonly targetRefs: readonly PolicyTargetReference[];
}

export interface AttachmentRules extends AttachmentOptions {
  readonly rootNamespace: string;
}

/** Whether a policy of a searched namespace attaches (istio-security §0.2). */
export function policyAttaches(policy: AttachablePolicy, target: AttachmentTarget, rules: AttachmentRules): boolean {
  const { selector, targetRefs } = policy;
  const gateway = Object.hasOwn(target.labels, GATEWAY_NAME) ? target.labels[GATEWAY_NAME] : undefined;
  // "A sidecar ignores targetRef policies."
  if (gateway === undefined) return targetRefs.length === 0 && selectorMatches(selector, target.labels);
  if (targetRefs.length === 0)
    return !target.waypointFor && rules.selectorsReachGateways !== false && selectorMatches(selector, target.labels);
  return targetRefs.some((reference) => {
    if (refersTo(reference, GATEWAY_GROUP, "Gateway"))
      return reference.name === gateway && policy.namespace === target.namespace;
    return target.waypointFor !== undefined && reachesWaypoint(reference, policy, target.waypointFor, rules);
  });
}

/** The namespaces whose policies are looked at, each once: the own one, the root, and those of a waypoint's services. */
export function searchedNamespaces(target: AttachmentTarget, rootNamespace: string): readonly string[] {
  const services = target.waypointFor?.map(({ namespace }) => namespace) ?? [];
  return [...new Set([target.namespace, rootNamespace, ...services])];
}

function reachesWaypoint(
  reference: PolicyTargetReference,
  { namespace }: AttachablePolicy,
  services: readonly WaypointService[],
  { rootNamespace }: AttachmentRules,
): boolean {
  if (refersTo(reference, GATEWAY_GROUP, "GatewayClass"))
    return reference.name === WAYPOINT_CLASS && namespace === rootNamespace;
  return services.some(
    (service) =>
      service.name === reference.name &&
      service.namespace === namespace &&
      (service.registry === "Kubernetes"
        ? refersTo(reference, "", "Service")
        : refersTo(reference, NETWORKING_GROUP, "ServiceEntry")),
  );
}

function refersTo(reference: PolicyTargetReference, group: string, kind: string): boolean {
  return reference.group === group && reference.kind === kind;
}

/** Label of the pods of a Kubernetes Gateway, and of waypoints. */
export const GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name";
const GATEWAY_GROUP = "gateway.networking.k8s.io";
const NETWORKING_GROUP = "networking.istio.io";
const WAYPOINT_CLASS = "istio-waypoint";
