import {
  type AuthorizationPolicy,
  type DocumentNode,
  expandLists,
  type Finding,
  type PeerAuthentication,
  parseAuthorizationPolicy,
  parseEnvelope,
  parseRequestAuthentication,
  type RequestAuthentication,
} from "@symbolon/policy";
import { parseYamlDocuments } from "@symbolon/policy/yaml";
import {
  type Labels,
  type ManifestText,
  type MeshObject,
  type PodTemplate,
  parseDocument,
} from "../../../mesh/index.ts";

/** What decides about access, as manifests say it. */
export interface PolicySet {
  readonly authorizationPolicies: readonly AuthorizationPolicy[];
  readonly requestAuthentications: readonly RequestAuthentication[];
  readonly peerAuthentications: readonly PeerAuthentication[];
  readonly workloads: readonly ManifestWorkload[];
  readonly namespaceLabels: ReadonlyMap<string, Labels>;
  readonly findings: readonly Finding[];
}

export interface ManifestWorkload {
  readonly kind: "Deployment" | "Pod";
  readonly namespace: string;
  readonly name: string;
  readonly template: PodTemplate;
}

/** Policies and workloads of manifests together; use them only when `findings` has no error. */
export function readPolicySet(texts: readonly ManifestText[], defaultNamespace: string): PolicySet {
  const parsed = texts.map(({ file, text }) => parseYamlDocuments(text, file));
  const expanded = expandLists(parsed.flatMap(({ documents }) => documents));
  const objects = expanded.documents.map((node) => readOne(node, defaultNamespace));
  const values = objects.flatMap(({ value }) => value ?? []);
  const ofKind = <Kind extends PolicyObject["kind"]>(kind: Kind) =>
    values.filter((value): value is Extract<PolicyObject, { readonly kind: Kind }> => value.kind === kind);
  return {
    authorizationPolicies: ofKind("AuthorizationPolicy").map((object) => ("policy" in object ? object.policy : object)),
    requestAuthentications: ofKind("RequestAuthentication"),
    peerAuthentications: ofKind("PeerAuthentication").map((object) => ("policy" in object ? object.policy : object)),
    workloads: [...ofKind("Deployment"), ...ofKind("Pod")].map(({ kind, meta, template }) => ({
      kind,
      namespace: meta.namespace,
      name: meta.name,
      template,
    })),
    namespaceLabels: new Map(ofKind("Namespace").map(({ meta }) => [meta.name, meta.labels])),
    findings: [
      ...parsed.flatMap(({ findings }) => findings),
      ...expanded.findings,
      ...objects.flatMap(({ findings }) => findings),
    ],
  };
}

type PolicyObject = AuthorizationPolicy | RequestAuthentication | MeshObject;

interface OneObject {
  readonly value?: PolicyObject;
  readonly findings: readonly Finding[];
}

function readOne(node: DocumentNode, defaultNamespace: string): OneObject {
  const envelope = parseEnvelope(node);
  const kind = envelope.kind === "parsed" && envelope.value.group === "security.istio.io" ? envelope.value.kind : "";
  if (envelope.kind === "parsed" && (kind === "AuthorizationPolicy" || kind === "RequestAuthentication")) {
    const result =
      kind === "AuthorizationPolicy"
        ? parseAuthorizationPolicy(envelope.value, { defaultNamespace })
        : parseRequestAuthentication(envelope.value, { defaultNamespace });
    const findings = [...envelope.findings, ...result.findings];
    return result.kind === "parsed" ? { value: result.value, findings } : { findings };
  }
  // Whether an image can be run here is no matter of who may call whom.
  const { object, findings } = parseDocument(node, {
    defaultNamespace,
    allowUnenforced: true,
    explainUnknownImage: () => undefined,
  });
  return object ? { value: object.object, findings } : { findings };
}
