import { entryValue, type FindingCollector, type ObjectReader, type SourcePosition } from "./document/index.ts";
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

/** What the kinds of policy have in common: kind, version, annotations, name. */
export function readPolicyHead(
  envelope: ObjectEnvelope,
  kind: keyof typeof VERSIONS,
  { defaultNamespace = "default", collector, dryRun }: PolicyHeadOptions,
): PolicyHead {
  const { metadata, position, apiVersion } = envelope;
  const namespace = metadata.namespace ?? defaultNamespace;
  const reader = readEnvelope(envelope, collector);
  if (envelope.kind !== kind) reader.report("SYM0201", `wanted kind ${kind}, got ${envelope.kind}`, "kind");
  else if (!VERSIONS[kind].includes(apiVersion))
    reader.report(
      "SYM0202",
      `${kind} has no version ${apiVersion}: wanted ${VERSIONS[kind].join(" or ")}`,
      "apiVersion",
    );
  // As for every other field of these kinds, see `refuseNullFields`.
  if (entryValue(envelope.node, "spec")?.kind === "null")
    reader.report("SYM0110", "`spec` has no value: wanted one, or no field", "spec");
  checkSecurityAnnotations(envelope, namespace, { collector, dryRun });
  const { name, creationTimestamp } = metadata;
  return {
    reader,
    identity: { namespace, name, ...(creationTimestamp === undefined ? {} : { creationTimestamp }), position },
  };
}

const SECURITY_VERSIONS = ["security.istio.io/v1", "security.istio.io/v1beta1"];
/** istio-security §0.1. */
const VERSIONS = {
  AuthorizationPolicy: SECURITY_VERSIONS,
  RequestAuthentication: SECURITY_VERSIONS,
  DestinationRule: ["networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"],
} satisfies Readonly<Record<string, readonly string[]>>;
