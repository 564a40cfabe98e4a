import { type DocumentNode, entryValue, type SourcePosition } from "./document-node.ts";
import type { Finding } from "./finding.ts";

/**
 * Where the field of a finding's path (`spec.rules[0].when`, `metadata.labels["a.b/c"]`) has its value; of a field that is
 * not written, where the nearest object above it begins.
 */
export function locateField(root: DocumentNode, path: string): SourcePosition {
  let node = root;
  for (const [, quoted, index, name] of path.matchAll(STEPS)) {
    const next = index === undefined ? entryOf(node, name ?? unquoted(quoted)) : itemOf(node, Number(index));
    if (!next) break;
    node = next;
  }
  return node.position;
}

/** Findings that stand at the beginning of one of these documents, moved to the fields that they are about. */
export function pointAtFields<F extends Finding>(findings: readonly F[], documents: readonly DocumentNode[]): F[] {
  const roots = new Map(documents.map((root) => [root.position, root]));
  return findings.map((finding) => {
    const root = roots.get(finding.position);
    return root ? { ...finding, position: locateField(root, finding.path) } : finding;
  });
}

function itemOf(node: DocumentNode, index: number): DocumentNode | undefined {
  return node.kind === "list" ? node.items[index] : undefined;
}

function entryOf(node: DocumentNode, name: string): DocumentNode | undefined {
  return node.kind === "map" ? entryValue(node, name) : undefined;
}

function unquoted(text = '""'): string {
  return String(JSON.parse(text));
}

/** What `fieldPath` and lists write: a name as JSON, a place in a list, a plain name. */
const STEPS = /\[("(?:[^"\\]|\\.)*")\]|\[(\d+)\]|([A-Za-z0-9_-]+)/g;
