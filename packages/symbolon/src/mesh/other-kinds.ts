import { type DocumentNode, entryValue, type ObjectEnvelope, suggestion } from "@symbolon/policy";
import { MESH_KINDS } from "./object.ts";

/**
 * What becomes of an object of a kind that the mesh is not made of.
 * unenforced: it restricts who may talk to whom, and nothing here does what it says; ignored: leaving it out opens nothing;
 * unknown: probably a typing error.
 */
export type OtherKindVerdict =
  | { readonly kind: "unenforced"; readonly what: string }
  | { readonly kind: "ignored"; readonly why: string }
  | { readonly kind: "unknown"; readonly field: "apiVersion" | "kind"; readonly message: string };

const UNENFORCED: Readonly<Record<string, readonly string[]>> = {
  "networking.istio.io": ["EnvoyFilter", "Sidecar"],
  "extensions.istio.io": ["WasmPlugin"],
};

/** Kinds of the groups whose kinds we all know: anything else there is a typing error. */
const KNOWN_WITHOUT_EFFECT: Readonly<Record<string, readonly string[]>> = {
  "": [
    "ConfigMap",
    "Endpoints",
    "Event",
    "LimitRange",
    "Node",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "PodTemplate",
    "ReplicationController",
    "ResourceQuota",
    "Secret",
  ],
  apps: ["ControllerRevision", "DaemonSet", "ReplicaSet", "StatefulSet"],
  "security.istio.io": [],
  "spire.spiffe.io": ["ClusterFederatedTrustDomain", "ClusterSPIFFEID"],
  "networking.istio.io": [
    "DestinationRule",
    "Gateway",
    "ProxyConfig",
    "ServiceEntry",
    "VirtualService",
    "WorkloadEntry",
    "WorkloadGroup",
  ],
};

/** Names that promise security, whoever's they are. */
const SECURITY_KINDS = ["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"];

/** Kubernetes' own groups without a dot; whoever adds kinds to a cluster needs a dot in theirs. */
const DOTLESS_GROUPS = ["", "apps", "autoscaling", "batch", "extensions", "policy"];
const ISTIO_GROUPS = [
  "extensions.istio.io",
  "install.istio.io",
  "networking.istio.io",
  "security.istio.io",
  "telemetry.istio.io",
];
const SPIRE_GROUP = "spire.spiffe.io";

const WORKLOAD_KINDS = ["CronJob", "DaemonSet", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"];

export function judgeOtherKind(envelope: ObjectEnvelope): OtherKindVerdict {
  const { group, kind, apiVersion } = envelope;
  const mistyped = judgeGroup(group);
  if (mistyped !== undefined)
    return { kind: "unknown", field: "apiVersion", message: `unknown API group in ${apiVersion}${mistyped}` };
  const unenforced =
    UNENFORCED[group]?.includes(kind) === true || SECURITY_KINDS.includes(kind) || kind.endsWith("NetworkPolicy");
  if (unenforced) return { kind: "unenforced", what: `${kind} is not enforced yet` };
  if (group === "networking.istio.io" && kind === "DestinationRule") return judgeDestinationRule(envelope);
  const known = KNOWN_WITHOUT_EFFECT[group];
  if (known !== undefined && !known.includes(kind)) {
    const candidates = [...known, ...(UNENFORCED[group] ?? []), ...MESH_KINDS];
    const message = `unknown kind "${kind}" in ${apiVersion}${suggestion(kind, candidates)}`;
    return { kind: "unknown", field: "kind", message };
  }
  const why = WORKLOAD_KINDS.includes(kind) ? "is not run here: only Deployments and Pods are" : "has no effect here";
  return { kind: "ignored", why: `${kind} (${apiVersion}) ${why} and is left out` };
}

/** A mistyped group would turn a security policy into somebody else's object, which is left out with a warning. */
function judgeGroup(group: string): string | undefined {
  if (DOTLESS_GROUPS.includes(group) || ISTIO_GROUPS.includes(group) || group === SPIRE_GROUP) return undefined;
  const hint = suggestion(group, [...ISTIO_GROUPS, SPIRE_GROUP, ...DOTLESS_GROUPS.filter((known) => known !== "")]);
  return hint !== "" || !group.includes(".") || group.endsWith(".istio.io") ? hint : undefined;
}

/** Routing and subsets change nothing about security; `tls` decides whether clients use mutual TLS. */
function judgeDestinationRule(envelope: ObjectEnvelope): OtherKindVerdict {
  if (envelope.spec !== undefined && setsTls(envelope.spec))
    return { kind: "unenforced", what: "trafficPolicy.tls of a DestinationRule is not enforced yet" };
  return { kind: "ignored", why: "DestinationRule without tls has no effect here and is left out" };
}

function setsTls(spec: DocumentNode): boolean {
  const policies = [
    field(spec, "trafficPolicy"),
    ...items(field(spec, "subsets")).map((subset) => field(subset, "trafficPolicy")),
  ];
  return policies.some(
    (policy) =>
      field(policy, "tls") !== undefined ||
      items(field(policy, "portLevelSettings")).some((settings) => field(settings, "tls") !== undefined),
  );
}

function field(node: DocumentNode | undefined, name: string): DocumentNode | undefined {
  const value = node?.kind === "map" ? entryValue(node, name) : undefined;
  return value?.kind === "null" ? undefined : value;
}

function items(node: DocumentNode | undefined): readonly DocumentNode[] {
  return node?.kind === "list" ? node.items : [];
}
