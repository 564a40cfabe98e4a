import {
  createFindingCollector,
  entryValue,
  type Finding,
  fieldContext,
  type MapNode,
  type ParseResult,
  parseResult,
  type ReadContext,
  reportAt,
  rootContext,
  type StringNode,
} from "../document/index.ts";
import type { MeshSecurityConfig } from "../mesh-config.ts";
import type { ObjectEnvelope } from "../object-envelope.ts";
import { parseMeshConfig } from "../parse-mesh-config.ts";
import { parseYamlDocuments } from "./parse-yaml-documents.ts";

/** The ConfigMap that Istio keeps its MeshConfig in; the caller knows which namespace is the mesh's root. */
export function isMeshConfigMap({ group, kind, metadata }: ObjectEnvelope): boolean {
  return group === "" && kind === "ConfigMap" && metadata.name === "istio";
}

/**
 * Reads the MeshConfig that is written as text under `data.mesh` of Istio's ConfigMap; empty text means Istio's defaults.
 * Findings have paths under `data.mesh` and positions of the file: exact in a literal block (`mesh: |-`), the start of
 * the text in any other scalar. What else stands in the ConfigMap (networks, values of the installation) is not looked at.
 */
export function readMeshConfigMap(envelope: ObjectEnvelope): ParseResult<MeshSecurityConfig> {
  const collector = createFindingCollector();
  const text = meshText(envelope.node, rootContext(collector));
  if (!text) return parseResult<MeshSecurityConfig>(undefined, collector);
  const { file } = text.position;
  const inFile = (finding: Finding): Finding => ({
    ...finding,
    path: finding.path === "" ? MESH_PATH : `${MESH_PATH}.${finding.path}`,
    position: text.blockStart ? finding.position : text.position,
  });
  const { documents, findings } = parseYamlDocuments(text.value, file, text.blockStart);
  const [document = emptyDocument(text), second] = documents;
  if (second) reportAt({ collector, path: MESH_PATH }, "SYM0805", second, "wanted one YAML document, got several");
  const result = parseMeshConfig(document);
  const all = [...collector.findings, ...findings.map(inFile), ...result.findings.map(inFile)];
  const refused = collector.errorCount > 0 || findings.length > 0 || result.kind === "refused";
  return refused ? { kind: "refused", findings: all } : { ...result, findings: all };
}

function meshText(root: MapNode, context: ReadContext): StringNode | undefined {
  const data = entryValue(root, "data");
  const mesh = data?.kind === "map" ? entryValue(data, "mesh") : undefined;
  if (mesh?.kind === "string" && mesh.ambiguity === undefined) return mesh;
  const where = mesh ?? data ?? root;
  const at = mesh ? { ...context, path: MESH_PATH } : fieldContext(context, "data");
  reportAt(at, "SYM0805", where, "wanted the MeshConfig as text, like `mesh: |-` with its lines indented below");
  return undefined;
}

function emptyDocument({ position }: StringNode): MapNode {
  return { kind: "map", position, entries: [] };
}

const MESH_PATH = "data.mesh";
