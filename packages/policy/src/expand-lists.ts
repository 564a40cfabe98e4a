import {
  createFinding,
  type DocumentNode,
  entryValue,
  type Finding,
  type MapEntry,
  type MapNode,
} from "./document/index.ts";

export interface ExpandedDocuments {
  readonly documents: readonly DocumentNode[];
  readonly findings: readonly Finding[];
}

/**
 * Puts the items of `kind: List` (as kubectl prints) and of typed lists (`PeerAuthenticationList`, as the API answers)
 * in the place of the list. Items of a typed list may leave out apiVersion and kind: they have the list's.
 */
export function expandLists(documents: readonly DocumentNode[]): ExpandedDocuments {
  const expanded: DocumentNode[] = [];
  const findings: Finding[] = [];
  for (const document of documents) expandInto(document, expanded, findings);
  return { documents: expanded, findings };
}

function expandInto(document: DocumentNode, expanded: DocumentNode[], findings: Finding[]): void {
  const kind = document.kind === "map" ? textOf(document, "kind") : undefined;
  if (document.kind !== "map" || !kind?.endsWith("List")) {
    expanded.push(document);
    return;
  }
  const items = entryValue(document, "items");
  if (items?.kind === "list") {
    for (const item of items.items) expandInto(withInheritedType(item, document, kind), expanded, findings);
  } else if (kind === "List" || items) {
    // items: null is how Go writes an empty list.
    if (items?.kind === "null") return;
    const place = { path: "items", position: items?.position ?? document.position };
    findings.push(createFinding("SYM0210", place, `a ${kind} needs items: wanted a list of objects`));
  } else {
    expanded.push(document);
  }
}

function withInheritedType(item: DocumentNode, list: MapNode, listKind: string): DocumentNode {
  if (item.kind !== "map" || listKind === "List") return item;
  const inherited = list.entries
    .filter((entry) => entry.key === "apiVersion" || entry.key === "kind")
    .map((entry) => itemType(entry, listKind));
  const missing = inherited.filter((entry) => entryValue(item, entry.key) === undefined);
  return missing.length === 0 ? item : { ...item, entries: [...missing, ...item.entries] };
}

function itemType(entry: MapEntry, listKind: string): MapEntry {
  if (entry.key !== "kind") return entry;
  const kind = listKind.slice(0, -"List".length);
  return { ...entry, value: { kind: "string", position: entry.value.position, value: kind, raw: kind } };
}

function textOf(node: MapNode, key: string): string | undefined {
  const value = entryValue(node, key);
  return value?.kind === "string" ? value.value : undefined;
}
