import {
  createFindingCollector,
  type MapEntry,
  type ObjectReader,
  type ParseResult,
  parseResult,
  type ReadContext,
  readObject,
  reportAt,
  type SourcePosition,
} from "./document/index.ts";
import { MTLS_MODE_WORDS, type MtlsMode } from "./mtls-mode.ts";
import { type ObjectEnvelope, readEnvelope } from "./object-envelope.ts";
import { checkSecurityAnnotations } from "./security-annotations.ts";
import { readSelector, type WorkloadSelector } from "./selector.ts";

/** How a workload's sidecar receives connections: Istio's `security.istio.io` PeerAuthentication (istio-security §1). */
export interface PeerAuthentication {
  readonly kind: "PeerAuthentication";
  readonly namespace: string;
  readonly name: string;
  /** Decides between policies of one scope; absent counts as older than any time, as Go's zero time does. */
  readonly creationTimestamp?: Date;
  readonly position: SourcePosition;
  /** Absent: every workload of the namespace, and of the mesh when the namespace is the root namespace. */
  readonly selector?: WorkloadSelector;
  readonly mode: MtlsMode;
  /** Keys are ports of the pod, not of a Service. */
  readonly portLevelMtls: ReadonlyMap<number, MtlsMode>;
}

export interface PeerAuthenticationOptions {
  /** Namespace of an object that names none; Kubernetes' "default" when absent. */
  readonly defaultNamespace?: string;
}

/** Any error anywhere in the object refuses it as a whole: half a policy would mean something else (style.md, principle 3). */
export function parsePeerAuthentication(
  envelope: ObjectEnvelope,
  { defaultNamespace = "default" }: PeerAuthenticationOptions = {},
): ParseResult<PeerAuthentication> {
  const collector = createFindingCollector();
  const { metadata, position } = envelope;
  const namespace = metadata.namespace ?? defaultNamespace;
  const root = readEnvelope(envelope, collector);
  if (envelope.kind !== "PeerAuthentication")
    root.report("SYM0201", `wanted kind PeerAuthentication, got ${envelope.kind}`, "kind");
  else if (!VERSIONS.includes(envelope.apiVersion))
    root.report(
      "SYM0202",
      `PeerAuthentication has no version ${envelope.apiVersion}: wanted ${VERSIONS.join(" or ")}`,
      "apiVersion",
    );
  checkSecurityAnnotations(envelope, namespace, { collector, dryRun: "refused" });
  // No spec at all is an empty one: mode UNSET for the whole namespace.
  const spec = root.object("spec", readSpec) ?? EMPTY_SPEC;
  const { name, creationTimestamp } = metadata;
  const policy = root.finish(() =>
    Object.freeze({
      kind: "PeerAuthentication" as const,
      namespace,
      name,
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
      position,
      ...spec,
    }),
  );
  return parseResult(policy, collector);
}

type Spec = Pick<PeerAuthentication, "selector" | "mode" | "portLevelMtls">;

function readSpec(reader: ObjectReader): Spec | undefined {
  const selector = readSelector(reader);
  // A selector with a mistake in it is still a selector: portLevelMtls beside it is not a second mistake.
  const selects = selector !== undefined || reader.hasErrors;
  const mode = reader.object("mtls", readMutualTls) ?? "unset";
  const portLevelMtls = readPortLevelMtls(reader, selects);
  return reader.finish(() => ({ ...(selector ? { selector } : {}), mode, portLevelMtls }));
}

function readMutualTls(reader: ObjectReader): MtlsMode | undefined {
  const mode = reader.enumeration<MtlsMode>("mode", MTLS_MODE_WORDS) ?? "unset";
  return reader.finish(() => mode);
}

/** istio-security §1.2, with Istio's messages; §0.2 has warned already when a selector is there without labels. */
function readPortLevelMtls(reader: ObjectReader, selects: boolean): ReadonlyMap<number, MtlsMode> {
  let written = 0;
  const entries = reader.map("portLevelMtls", (entry, context) => {
    written += 1;
    return readPortEntry(entry, context);
  });
  if (entries && written === 0)
    reader.report("SYM0402", "port level mTLS, if defined, must have at least one element", "portLevelMtls");
  else if (entries && !selects)
    reader.report("SYM0401", "mesh/namespace peer authentication cannot have port level mTLS", "portLevelMtls");
  return new Map([...(entries ?? [])].map(([port, mode]) => [Number(port), mode]));
}

function readPortEntry({ key, keyPosition, value }: MapEntry, context: ReadContext): MtlsMode | undefined {
  // Proto JSON reads the uint32 key of a map in plain decimal alone: no sign, no leading zero.
  if (!/^(?:0|[1-9]\d*)$/.test(key)) {
    reportAt(
      context,
      "SYM0102",
      keyPosition,
      `a port must be an integer, got ${JSON.stringify(key)}; names of ports are not allowed here`,
    );
    return undefined;
  }
  if (Number(key) < 1 || Number(key) > 65535)
    reportAt(context, "SYM0403", keyPosition, "port must be in range 1..65535");
  if (value.kind !== "null") return readMutualTls(readObject(value, context));
  reportAt(context, "SYM0107", value, "has no value and is read as UNSET");
  return "unset";
}

const VERSIONS: readonly string[] = ["security.istio.io/v1", "security.istio.io/v1beta1"];
const EMPTY_SPEC: Spec = { mode: "unset", portLevelMtls: new Map() };
