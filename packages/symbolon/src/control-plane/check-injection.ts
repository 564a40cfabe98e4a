import type { Finding } from "@symbolon/policy";
import {
  type DeploymentObject,
  decideInjection,
  INJECT_LABEL,
  locate,
  meshFinding,
  objectKeyText,
  type ParsedObject,
  type PodObject,
} from "../mesh/index.ts";

/** Who asks for a sidecar where the wish is not heard would silently be outside the mesh. */
export function checkInjection(
  entry: ParsedObject,
  workload: DeploymentObject | PodObject,
  objects: readonly ParsedObject[],
): readonly Finding[] {
  const { meta, template } = workload;
  const [wish] = [
    { field: "labels", value: template.labels[INJECT_LABEL] },
    { field: "annotations", value: template.annotations[INJECT_LABEL] },
  ].filter(({ value }) => value !== undefined && value !== "" && value !== "false");
  if (wish === undefined) return [];
  const namespace = objects.find(({ key }) => key.kind === "Namespace" && key.name === meta.namespace);
  const { sidecar, decidedBy } = decideInjection({
    namespace: meta.namespace,
    namespaceLabels: namespace?.object.meta.labels ?? {},
    podLabels: template.labels,
    podAnnotations: template.annotations,
  });
  if (sidecar) return [];
  const steps = workload.kind === "Deployment" ? ["spec", "template"] : [];
  const message = `${objectKeyText(entry.key)} asks for a sidecar (${INJECT_LABEL}: "${wish.value}") and gets none: ${decidedBy}`;
  return [meshFinding("SYM2105", message, locate(entry.node, [...steps, "metadata", wish.field, INJECT_LABEL]))];
}
