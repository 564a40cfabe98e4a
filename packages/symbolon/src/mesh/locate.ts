import { type DocumentNode, entryValue, fieldPath, type SourcePosition } from "@symbolon/policy";

/** Place of a field for a finding; where the field is missing, of the nearest object above it. */
export function locate(
  root: DocumentNode,
  steps: readonly (string | number)[],
): { readonly path: string; readonly position: SourcePosition } {
  let node: DocumentNode | undefined = root;
  let position = root.position;
  let path = "";
  for (const step of steps) {
    path = typeof step === "number" ? `${path}[${step}]` : fieldPath(path, step);
    node = child(node, step);
    if (node) position = node.position;
  }
  return { path, position };
}

function child(node: DocumentNode | undefined, step: string | number): DocumentNode | undefined {
  if (typeof step === "number") return node?.kind === "list" ? node.items[step] : undefined;
  return node?.kind === "map" ? entryValue(node, step) : undefined;
}
