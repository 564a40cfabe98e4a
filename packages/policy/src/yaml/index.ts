export { MAX_DEPTH, MAX_DOCUMENT_LENGTH, MAX_TEXT_LENGTH, MAX_VALUES } from "./limits.ts";
export { parseYamlDocuments, type YamlDocuments } from "./parse-yaml-documents.ts";
export { isMeshConfigMap, readMeshConfigMap } from "./read-mesh-config-map.ts";
