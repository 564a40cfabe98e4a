import { type DocumentNode, fieldContext, itemContext, type ReadContext, reportAt } from "./document/index.ts";

/**
 * The same document without the null fields in it, each reported: `principals:` with its lines indented wrongly below
 * would else be read as absent, and an absent field of a policy restricts nothing.
 */
export function refuseNullFields(node: DocumentNode, context: ReadContext): DocumentNode {
  if (node.kind === "list")
    return { ...node, items: node.items.map((item, index) => refuseNullFields(item, itemContext(context, index))) };
  if (node.kind !== "map") return node;
  const entries = node.entries.flatMap((entry) => {
    const at = fieldContext(context, entry.key);
    if (entry.value.kind !== "null") return [{ ...entry, value: refuseNullFields(entry.value, at) }];
    reportAt(at, "SYM0110", entry.keyPosition, `\`${entry.key}\` has no value: wanted one, or no field`);
    return [];
  });
  return { ...node, entries };
}
