import {
  createFinding,
  createFindingCollector,
  type DocumentNode,
  entryValue,
  type Finding,
  type FindingCollector,
  type MapNode,
  type ObjectReader,
  type ParseResult,
  parseResult,
  readObject,
  reportAt,
  rootContext,
  type SourcePosition,
} from "./document/index.ts";
import { type ObjectMetadata, readMetadata } from "./object-metadata.ts";

/** What every Kubernetes object has; the rest is read by whoever knows the kind. */
export interface ObjectEnvelope {
  readonly apiVersion: string;
  /** Empty for the core group ("v1"). */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly metadata: ObjectMetadata;
  readonly spec: DocumentNode | undefined;
  /** The whole object, for kinds that have more than a spec. */
  readonly node: MapNode;
  readonly position: SourcePosition;
}

export function parseEnvelope(node: DocumentNode): ParseResult<ObjectEnvelope> {
  const collector = createFindingCollector();
  const context = rootContext(collector);
  if (node.kind !== "map") {
    reportAt(context, "SYM0201", node, "wanted a Kubernetes object with apiVersion, kind and metadata");
    return parseResult<ObjectEnvelope>(undefined, collector);
  }
  const reader = readObject(node, context);
  const apiVersion = reader.string("apiVersion", { required: true, check: checkApiVersion, code: "SYM0201" });
  const kind = reader.string("kind", { required: true, check: checkKind, code: "SYM0201" });
  const metadataNode = reader.node("metadata", { required: true });
  const metadata = metadataNode && readMetadata(metadataNode, { collector, path: "metadata" });
  // Which other fields are legal depends on the kind: see `readEnvelope`.
  reader.ignore(node.entries.map((entry) => entry.key));
  const envelope = reader.finish(() => {
    const slash = apiVersion.indexOf("/");
    const group = slash < 0 ? "" : apiVersion.slice(0, slash);
    const version = apiVersion.slice(slash + 1);
    const spec = entryValue(node, "spec");
    return (
      metadata && {
        apiVersion,
        group,
        version,
        kind,
        metadata,
        spec: spec?.kind === "null" ? undefined : spec,
        node,
        position: node.position,
      }
    );
  });
  return parseResult(envelope, collector);
}

/** Reader for the fields of a kind: what the envelope has read, and `status`, which only controllers write, is known. */
export function readEnvelope(envelope: ObjectEnvelope, collector: FindingCollector): ObjectReader {
  const reader = readObject(envelope.node, rootContext(collector));
  reader.ignore(["apiVersion", "kind", "metadata", "status"]);
  return reader;
}

/** Which object something is about, and where it is written. */
export interface ResourceReference {
  readonly kind: string;
  /** Empty for kinds without namespace. */
  readonly namespace: string;
  readonly name: string;
  readonly position: SourcePosition;
}

/** "PeerAuthentication foo/default", "Namespace foo". */
export function resourceText({
  kind,
  namespace,
  name,
}: Pick<ResourceReference, "kind" | "namespace" | "name">): string {
  return namespace === "" ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

/** An object that is defined a second time (same kind, namespace and name) is an error at the second place. */
export function findDuplicateObjects(objects: Iterable<ResourceReference>): readonly Finding[] {
  const first = new Map<string, ResourceReference>();
  const findings: Finding[] = [];
  for (const object of objects) {
    const text = resourceText(object);
    const before = first.get(text);
    if (!before) {
      first.set(text, object);
      continue;
    }
    const { file, line, column } = before.position;
    const place = { path: "metadata.name", position: object.position };
    findings.push(createFinding("SYM0211", place, `${text} is already defined at ${file}:${line}:${column}`));
  }
  return findings;
}

function checkApiVersion(apiVersion: string): string | undefined {
  return /^(?:[a-z0-9][-a-z0-9.]*\/)?[a-z0-9][-a-z0-9]*$/.test(apiVersion)
    ? undefined
    : 'wanted "version" or "group/version", like security.istio.io/v1';
}

function checkKind(kind: string): string | undefined {
  return /^[A-Za-z][A-Za-z0-9-]*$/.test(kind) ? undefined : "wanted the name of a kind, like PeerAuthentication";
}
