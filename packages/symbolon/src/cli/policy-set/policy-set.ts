import {
  type AnalyzedService,
  type AnalyzedWorkload,
  type AuthorizationPolicy,
  type DocumentNode,
  documentToJson,
  type Finding,
  type MeshSecurityConfig,
  type ParseResult,
  type PeerAuthentication,
  parseAuthorizationPolicy,
  parseEnvelope,
  parsePeerAuthentication,
  parseRequestAuthentication,
  type RequestAuthentication,
  readInventory,
} from "@symbolon/policy";
import { decideInjection, injectedLabels, type Labels, type ManifestText } from "../../mesh/index.ts";
import { isPolicyDocument, readPolicyDocuments } from "./policy-documents.ts";

/** What decides about access, as manifests or a running mesh say it. */
export interface PolicySet {
  readonly authorizationPolicies: readonly AuthorizationPolicy[];
  readonly requestAuthentications: readonly RequestAuthentication[];
  readonly peerAuthentications: readonly PeerAuthentication[];
  readonly workloads: readonly SetWorkload[];
  readonly services: readonly AnalyzedService[];
  /** Of what somebody made, as `pod foo/httpbin-abc`: who made it, as `deployment foo/httpbin`. */
  readonly owners: ReadonlyMap<string, string>;
  /** Every namespace that anything is in. */
  readonly namespaces: readonly string[];
  readonly meshConfig?: MeshSecurityConfig;
  readonly findings: readonly Finding[];
}

export interface SetWorkload extends Omit<AnalyzedWorkload, "inMesh"> {
  /** With the labels that a sidecar's injection adds. */
  readonly labels: Labels;
  readonly sidecar: boolean;
  /** What decided about the sidecar. */
  readonly decidedBy: string;
}

/** Policies and workloads of manifests together; use them only when `findings` has no error. */
export function readPolicySet(texts: readonly ManifestText[], defaultNamespace: string): PolicySet {
  const { documents, findings, meshConfig, namespaces } = readPolicyDocuments(texts);
  const policies = documents.map((node) => readPolicy(node, defaultNamespace));
  const values = policies.flatMap((result) => (result?.kind === "parsed" ? [result.value] : []));
  const ofKind = <Kind extends AnyPolicy["kind"]>(kind: Kind) =>
    values.filter((value): value is Extract<AnyPolicy, { readonly kind: Kind }> => value.kind === kind);
  const { inventory = { workloads: [], services: [] } } = readInventory(documents);
  const workloads = inventory.workloads.map((workload) => withInjection(workload, namespaces));
  return {
    authorizationPolicies: ofKind("AuthorizationPolicy"),
    requestAuthentications: ofKind("RequestAuthentication"),
    peerAuthentications: ofKind("PeerAuthentication"),
    workloads,
    services: inventory.services,
    owners: new Map(documents.filter((node) => !isPolicyDocument(node)).flatMap(ownerOf)),
    namespaces: [...new Set([...namespaces.keys(), ...[...workloads, ...values].map(({ namespace }) => namespace)])],
    ...(meshConfig ? { meshConfig } : {}),
    findings: [...findings, ...policies.flatMap((result) => result?.findings ?? [])],
  };
}

function ownerOf(node: DocumentNode): readonly (readonly [string, string])[] {
  const json = documentToJson(node) as {
    readonly kind?: unknown;
    readonly metadata?: { readonly name?: unknown; readonly namespace?: unknown; readonly ownerReferences?: unknown };
  } | null;
  const { name, namespace = "default", ownerReferences } = json?.metadata ?? {};
  const [owner] = Array.isArray(ownerReferences) ? ownerReferences : [];
  if (typeof owner?.kind !== "string" || typeof owner.name !== "string") return [];
  return [
    [
      workloadKey(String(json?.kind), String(namespace), String(name)),
      workloadKey(owner.kind, String(namespace), owner.name),
    ],
  ];
}

export function workloadKey(kind: string, namespace: string, name: string): string {
  return `${kind.toLowerCase()} ${namespace}/${name}`;
}

type AnyPolicy = AuthorizationPolicy | RequestAuthentication | PeerAuthentication;

function readPolicy(node: DocumentNode, defaultNamespace: string): ParseResult<AnyPolicy> | undefined {
  const envelope = parseEnvelope(node);
  if (envelope.kind === "refused") return isPolicyNode(node) ? envelope : undefined;
  const { group, kind } = envelope.value;
  if (group !== "security.istio.io") return undefined;
  switch (kind) {
    case "AuthorizationPolicy":
      return parseAuthorizationPolicy(envelope.value, { defaultNamespace });
    case "RequestAuthentication":
      return parseRequestAuthentication(envelope.value, { defaultNamespace });
    case "PeerAuthentication":
      return parsePeerAuthentication(envelope.value, { defaultNamespace });
    default:
      return undefined;
  }
}

function isPolicyNode(node: DocumentNode): boolean {
  const group = node.kind === "map" ? node.entries.find(({ key }) => key === "apiVersion")?.value : undefined;
  return group?.kind === "string" && group.value.startsWith("security.istio.io/");
}

/** A namespace that nobody has described is taken to have sidecars: policies are written for meshes. */
function withInjection(
  { inMesh: _, ...workload }: AnalyzedWorkload,
  namespaces: ReadonlyMap<string, Labels>,
): SetWorkload {
  const { namespace, labels, annotations, name } = workload;
  const namespaceLabels = namespaces.get(namespace);
  const { sidecar, decidedBy } = decideInjection({
    namespace,
    namespaceLabels: namespaceLabels ?? { "istio-injection": "enabled" },
    podLabels: labels,
    podAnnotations: annotations,
  });
  return {
    ...workload,
    labels: sidecar ? { ...labels, ...injectedLabels(labels, name) } : labels,
    sidecar,
    decidedBy:
      namespaceLabels || !sidecar ? decidedBy : `namespace ${namespace} is not described, taken to be injected`,
  };
}
