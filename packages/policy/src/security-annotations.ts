import { entryValue, type FindingCollector, fieldPath, type SourcePosition } from "./document/index.ts";
import type { ObjectEnvelope } from "./object-envelope.ts";

/**
 * The annotations that Istio checks on every security kind (istio-security §0.4). `dryRun` tells whether the kind may
 * carry `istio.io/dry-run`: AuthorizationPolicy alone may, and reads the value itself.
 */
export function checkSecurityAnnotations(
  envelope: ObjectEnvelope,
  namespace: string,
  options: { readonly collector: FindingCollector; readonly dryRun: "refused" | "read-by-kind" },
): void {
  const { annotations, name } = envelope.metadata;
  const report = (code: "SYM0208" | "SYM0209", annotation: string, message: string) =>
    options.collector.report(
      code,
      { path: fieldPath("metadata.annotations", annotation), position: annotationPosition(envelope, annotation) },
      message,
    );
  if (options.dryRun === "refused" && Object.hasOwn(annotations, DRY_RUN))
    report(
      "SYM0209",
      DRY_RUN,
      `${namespace}/${name} has unsupported annotation ${DRY_RUN}, please remove the annotation`,
    );
  for (const annotation of RESERVED) {
    if (Object.hasOwn(annotations, annotation))
      report("SYM0208", annotation, `the annotation ${annotation} is reserved for the mesh itself`);
  }
}

/** Where an annotation is written; the object when it has none of that name. */
export function annotationPosition({ node, position }: ObjectEnvelope, annotation: string): SourcePosition {
  const metadata = entryValue(node, "metadata");
  const annotations = metadata?.kind === "map" ? entryValue(metadata, "annotations") : undefined;
  const entries = annotations?.kind === "map" ? annotations.entries : [];
  return entries.find((entry) => entry.key === annotation)?.keyPosition ?? position;
}

export const DRY_RUN = "istio.io/dry-run";
const RESERVED = [
  "internal.istio.io/parents",
  "internal.istio.io/parent-namespace",
  "internal.istio.io/webhook-always-reject",
];
