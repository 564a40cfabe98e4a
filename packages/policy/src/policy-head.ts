import type { FindingCollector, ObjectReader, SourcePosition } from "./document/index.ts";
import { type ObjectEnvelope, readEnvelope } from "./object-envelope.ts";
import { checkSecurityAnnotations } from "./security-annotations.ts";

export interface PolicyOptions {
  /** Namespace of an object that names none; Kubernetes' "default" when absent. */
  readonly defaultNamespace?: string;
}

export interface PolicyHead {
  /** Stands at the object: `spec` is still unread. */
  readonly reader: ObjectReader;
  readonly identity: {
    readonly namespace: string;
    readonly name: string;
    readonly creationTimestamp?: Date;
    readonly position: SourcePosition;
  };
}

export interface PolicyHeadOptions extends PolicyOptions {
  readonly collector: FindingCollector;
  readonly dryRun: "refused" | "read-by-kind";
}

/** What the kinds of `security.istio.io` have in common: kind, version, annotations, name. */
export function readPolicyHead(
  envelope: ObjectEnvelope,
  kind: "AuthorizationPolicy" | "RequestAuthentication",
  { defaultNamespace = "default", collector, dryRun }: PolicyHeadOptions,
): PolicyHead {
  const { metadata, position, apiVersion } = envelope;
  const namespace = metadata.namespace ?? defaultNamespace;
  const reader = readEnvelope(envelope, collector);
  if (envelope.kind !== kind) reader.report("SYM0201", `wanted kind ${kind}, got ${envelope.kind}`, "kind");
  else if (!VERSIONS.includes(apiVersion))
    reader.report("SYM0202", `${kind} has no version ${apiVersion}: wanted ${VERSIONS.join(" or ")}`, "apiVersion");
  checkSecurityAnnotations(envelope, namespace, { collector, dryRun });
  const { name, creationTimestamp } = metadata;
  return {
    reader,
    identity: { namespace, name, ...(creationTimestamp === undefined ? {} : { creationTimestamp }), position },
  };
}

const VERSIONS: readonly string[] = ["security.istio.io/v1", "security.istio.io/v1beta1"];
