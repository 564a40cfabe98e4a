import type { DocumentNode, MapNode, SourcePosition } from "@symbolon/policy";

/** Name of the ConfigMap that Istio keeps its MeshConfig in. */
export const MESH_CONFIG_NAME = "istio";
/** The namespace that a bare MeshConfig is put in; Istio's own, and this mesh's root namespace at its start. */
export const MESH_CONFIG_NAMESPACE = "istio-system";

/** The ConfigMap that a file with a bare MeshConfig stands for; places in it are places of the file. */
export function meshConfigDocument(text: string, file: string): DocumentNode {
  const position: SourcePosition = { file, line: 1, column: 1 };
  const string = (value: string): DocumentNode => ({ kind: "string", position, value, raw: value });
  const map = (entries: Readonly<Record<string, DocumentNode>>): MapNode => ({
    kind: "map",
    position,
    entries: Object.entries(entries).map(([key, value]) => ({ key, keyPosition: position, value })),
  });
  return map({
    apiVersion: string("v1"),
    kind: string("ConfigMap"),
    metadata: map({ name: string(MESH_CONFIG_NAME), namespace: string(MESH_CONFIG_NAMESPACE) }),
    data: map({ mesh: { kind: "string", position, value: text, raw: text, blockStart: position } }),
  });
}
