import { type ObjectReader, readObject } from "./document/index.ts";
import { readSelector, type WorkloadSelector } from "./selector.ts";
import type { PolicyTargetReference } from "./target-reference.ts";

/** What a RequestAuthentication or an AuthorizationPolicy is attached to. */
export interface PolicyAttachment {
  readonly selector?: WorkloadSelector;
  readonly targetRefs: readonly PolicyTargetReference[];
}

/** Reads `selector`, `targetRef` (deprecated) and `targetRefs`, which exclude one another (istio-security §0.2). */
export function readAttachment(reader: ObjectReader): PolicyAttachment {
  const selector = readSelector(reader);
  const target = reader.object("targetRef", readTarget);
  const several =
    reader.list("targetRefs", (node, context) => readTarget(readObject(node, context)), { max: 16 }) ?? [];
  const written = [reader.has("selector"), reader.has("targetRef"), reader.has("targetRefs")];
  if (written.filter(Boolean).length > 1)
    reader.report(
      "SYM0308",
      "only one of targetRefs or workloadSelector can be set",
      reader.has("targetRefs") ? "targetRefs" : "targetRef",
    );
  return { ...(selector ? { selector } : {}), targetRefs: target ? [target] : several };
}

function readTarget(reader: ObjectReader): PolicyTargetReference | undefined {
  const written = reader.string("group") ?? "";
  const kind = reader.string("kind") ?? "";
  const name = reader.string("name") ?? "";
  if (reader.string("namespace"))
    reader.report(
      "SYM0306",
      "targetRef namespace must not be set; cross namespace referencing is not supported",
      "namespace",
    );
  const group = written === "core" ? "" : written;
  if (!reader.hasErrors && name === "") reader.report("SYM0305", "targetRef name must be set");
  if (!reader.hasErrors && !SUPPORTED.has(`${group}/${kind}`))
    reader.report("SYM0307", `targetRef must be to one of [${SUPPORTED_TEXT}] but was ${written || "core"}/${kind}`);
  return reader.finish(() => ({ position: reader.position, group, kind, name }));
}

const SUPPORTED: ReadonlySet<string> = new Set([
  "/Service",
  "networking.istio.io/ServiceEntry",
  "gateway.networking.k8s.io/Gateway",
  "gateway.networking.k8s.io/GatewayClass",
]);
const SUPPORTED_TEXT =
  "core/v1/Service networking.istio.io/v1/ServiceEntry gateway.networking.k8s.io/v1/Gateway gateway.networking.k8s.io/v1/GatewayClass";
