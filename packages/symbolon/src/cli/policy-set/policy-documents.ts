import {
  type DocumentNode,
  expandLists,
  type Finding,
  hasErrors,
  type MeshSecurityConfig,
  nearestName,
  type ObjectEnvelope,
  parseEnvelope,
} from "@symbolon/policy";
import { isMeshConfigMap, parseYamlDocuments, readMeshConfigMap } from "@symbolon/policy/yaml";
import {
  type Labels,
  type ManifestText,
  MESH_CONFIG_NAMESPACE,
  meshConfigDocument,
  parseDocument,
} from "../../mesh/index.ts";

/** Documents of manifests, and what is wrong with them apart from their policies. */
export interface PolicyDocuments {
  readonly documents: readonly DocumentNode[];
  readonly findings: readonly Finding[];
  readonly meshConfig?: MeshSecurityConfig;
  /** Labels of the namespaces that are described. */
  readonly namespaces: ReadonlyMap<string, Labels>;
}

/** Reads manifests of any cluster: what is no policy and no workload is left alone. */
export function readPolicyDocuments(texts: readonly ManifestText[]): PolicyDocuments {
  const parsed = texts.map(parseText);
  const expanded = expandLists(parsed.flatMap(({ documents }) => documents));
  const documents = expanded.documents;
  const findings = [...parsed.flatMap((one) => one.findings), ...expanded.findings];
  const namespaces = new Map<string, Labels>();
  let meshConfig: MeshSecurityConfig | undefined;
  for (const node of documents) {
    const kind = textAt(node, "kind");
    if (isPolicyDocument(node)) continue;
    if (kind === "Namespace") readNamespace(node, namespaces);
    else if (kind === "ConfigMap") {
      const config = readConfigMap(node);
      findings.push(...(config?.findings ?? []));
      if (config?.kind === "parsed") meshConfig = config.value;
    } else findings.push(...findingsOfOther(node));
  }
  return { documents, findings, ...(meshConfig ? { meshConfig } : {}), namespaces };
}

/** Says to be a policy; whether it can be read is another matter. */
export function isPolicyDocument(node: DocumentNode): boolean {
  return POLICY_GROUPS.get(textAt(node, "kind")) === textAt(node, "apiVersion").split("/")[0];
}

function parseText({ file, text, content }: ManifestText) {
  return content === "mesh-config"
    ? { documents: [meshConfigDocument(text, file)], findings: [] }
    : parseYamlDocuments(text, file);
}

function readNamespace(node: DocumentNode, namespaces: Map<string, Labels>): void {
  const envelope = parseEnvelope(node);
  if (envelope.kind === "parsed") namespaces.set(envelope.value.metadata.name, envelope.value.metadata.labels);
}

/** Istio's own ConfigMap; of a ConfigMap of another name nothing is said. */
function readConfigMap(node: DocumentNode) {
  const envelope = parseEnvelope(node);
  if (envelope.kind === "refused" || !isMeshConfigMap(envelope.value)) return undefined;
  const { namespace = MESH_CONFIG_NAMESPACE } = envelope.value.metadata;
  return namespace === MESH_CONFIG_NAMESPACE ? readMeshConfigMap(envelope.value) : undefined;
}

/** What is no object at all, and what was probably meant to be a policy. */
function findingsOfOther(node: DocumentNode): readonly Finding[] {
  const kind = textAt(node, "kind");
  const envelope = parseEnvelope(node);
  if (envelope.kind === "refused") return kind === "" || textAt(node, "apiVersion") === "" ? envelope.findings : [];
  return isProbablyPolicy(envelope.value) ? judge(node) : [];
}

function judge(node: DocumentNode): readonly Finding[] {
  const options = { defaultNamespace: "default", allowUnenforced: true, explainUnknownImage: () => undefined };
  return parseDocument(node, options).findings.filter((finding) => hasErrors([finding]));
}

function isProbablyPolicy({ group, kind }: ObjectEnvelope): boolean {
  return group === "security.istio.io" || nearestName(kind, [...POLICY_GROUPS.keys()]) !== undefined;
}

function textAt(node: DocumentNode, key: "apiVersion" | "kind"): string {
  if (node.kind !== "map") return "";
  const value = node.entries.find((entry) => entry.key === key)?.value;
  return value?.kind === "string" ? value.value : "";
}

const POLICY_GROUPS: ReadonlyMap<string, string> = new Map([
  ["AuthorizationPolicy", "security.istio.io"],
  ["RequestAuthentication", "security.istio.io"],
  ["PeerAuthentication", "security.istio.io"],
  ["DestinationRule", "networking.istio.io"],
]);
