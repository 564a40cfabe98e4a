import { type DocumentNode, type ReadContext, readLabels, readObject } from "@symbolon/policy";
import type { Labels } from "./object.ts";

/** `metadata` of a pod template: labels and annotations; Kubernetes ignores a name there. */
export function readTemplateMeta(
  node: DocumentNode,
  context: ReadContext,
): { readonly labels: Labels; readonly annotations: Labels } | undefined {
  const reader = readObject(node, context);
  const labels = readLabels(reader, "labels");
  const annotations = reader.stringMap("annotations") ?? {};
  reader.node("creationTimestamp", { nullable: true });
  reader.ignore(["name", "namespace", "generateName", "finalizers", "ownerReferences", "managedFields"]);
  return reader.finish(() => ({ labels, annotations }));
}
