import {
  checkDns1035Label,
  checkDns1123Label,
  createFindingCollector,
  type DocumentNode,
  expandLists,
  type Finding,
  type FindingCollector,
  type FindingPlace,
  hasErrors,
  type ObjectEnvelope,
  type ParseResult,
  parseAuthorizationPolicy,
  parseEnvelope,
  parsePeerAuthentication,
  parseRequestAuthentication,
  readEnvelope,
} from "@symbolon/policy";
import { isMeshConfigMap, parseYamlDocuments, readMeshConfigMap, type YamlDocuments } from "@symbolon/policy/yaml";
import { findKind, kindNames } from "./kinds.ts";
import { locate } from "./locate.ts";
import type { MeshObject } from "./manifest-objects.ts";
import type { ManifestText } from "./manifest-text.ts";
import { meshConfigDocument } from "./mesh-config-document.ts";
import { meshFinding } from "./mesh-finding.ts";
import { isClusterScoped, MESH_KINDS, type MeshKind, type ObjectKey, type ObjectMeta } from "./object.ts";
import { judgeOtherKind } from "./other-kinds.ts";
import type { Container } from "./pod.ts";
import { readService } from "./read-service.ts";
import { readStaticEntry } from "./read-static-entry.ts";
import { readDeployment, readPod, type WorkloadRules } from "./read-workload.ts";

export interface ParseManifestsOptions extends WorkloadRules {
  /** Namespace of objects that name none. */
  readonly defaultNamespace: string;
  /** Take security policies that nothing enforces as a warning. */
  readonly allowUnenforced: boolean;
  /** TCP ports of the machine that a container's program listens on; absent: programs have ports of their own. */
  readonly machinePorts?: (container: Container) => readonly number[];
}

export interface ParsedObject {
  readonly key: ObjectKey;
  readonly object: MeshObject;
  /** The document, for positions of findings between objects. */
  readonly node: DocumentNode;
}

export interface ParsedManifests {
  /** Objects without error; use them only when `findings` has none. */
  readonly objects: readonly ParsedObject[];
  readonly findings: readonly Finding[];
}

/** Reads manifest texts; every mistake in all of them is a finding, so that a user corrects once. */
export function parseManifests(texts: readonly ManifestText[], options: ParseManifestsOptions): ParsedManifests {
  const parsed = texts.map(parseText);
  const expanded = expandLists(parsed.flatMap(({ documents }) => documents));
  const objects = expanded.documents.map((document) => parseDocument(document, options));
  return {
    objects: objects.flatMap(({ object }) => object ?? []),
    findings: [
      ...parsed.flatMap(({ findings }) => findings),
      ...expanded.findings,
      ...objects.flatMap(({ findings }) => findings),
    ],
  };
}

function parseText({ file, text, content }: ManifestText): YamlDocuments {
  return content === "mesh-config"
    ? { documents: [meshConfigDocument(text, file)], findings: [] }
    : parseYamlDocuments(text, file);
}

export interface ParsedDocument {
  /** Absent after an error, and for kinds that are left out. */
  readonly object?: ParsedObject;
  readonly findings: readonly Finding[];
}

/** Reads one document, such as one that was stored. */
export function parseDocument(node: DocumentNode, options: ParseManifestsOptions): ParsedDocument {
  const result = parseEnvelope(node);
  if (result.kind === "refused") return { findings: result.findings };
  const envelope = result.value;
  const collector = createFindingCollector();
  collector.add(...result.findings);
  const kind = meshKindOf(envelope, collector);
  if (kind === "other") return { findings: [...result.findings, ...judge(envelope, options)] };
  const object = kind === undefined ? undefined : readKind(kind, envelope, options, collector);
  if (object === undefined || kind === undefined || hasErrors(collector.findings))
    return { findings: collector.findings };
  const { namespace, name } = object.meta;
  return { object: { key: { kind, namespace, name }, object, node }, findings: collector.findings };
}

/** Groups in which one of our kinds with another version is a mistake and not somebody else's kind. */
const OUR_GROUPS = ["", "apps", "extensions", "security.istio.io", "spire.spiffe.io"];

function meshKindOf(envelope: ObjectEnvelope, collector: FindingCollector): MeshKind | "other" | undefined {
  const { apiVersion, group } = envelope;
  const kind = MESH_KINDS.find((candidate) => candidate === envelope.kind);
  if (kind === "ConfigMap" && !isMeshConfigMap(envelope)) return "other";
  if (kind === undefined) return "other";
  const wanted = kindNames(kind);
  // The policies' own parsers know which versions are served.
  if (isPolicyKind(kind) ? group === wanted.group : apiVersion === wanted.apiVersion) return kind;
  if (!OUR_GROUPS.includes(group)) return "other";
  collector.report(
    "SYM0202",
    locate(envelope.node, ["apiVersion"]),
    `${kind} is not served as ${apiVersion}: wanted ${wanted.apiVersion}`,
  );
  return undefined;
}

function readKind(
  kind: MeshKind,
  envelope: ObjectEnvelope,
  options: ParseManifestsOptions,
  collector: FindingCollector,
): MeshObject | undefined {
  if (isPolicyKind(kind)) return readPolicy(kind, envelope, options, collector);
  if (kind === "ConfigMap") {
    const config = accept(readMeshConfigMap(envelope), collector);
    return config && { kind, meta: readMeta(kind, envelope, options, collector), config };
  }
  const meta = readMeta(kind, envelope, options, collector);
  const reader = readEnvelope(envelope, collector);
  const spec = reader.node("spec");
  const specContext = { collector, path: "spec" };
  const object = ((): MeshObject | undefined => {
    switch (kind) {
      case "Namespace":
        return { kind, meta };
      case "ServiceAccount":
        reader.ignore(["secrets", "imagePullSecrets", "automountServiceAccountToken"]);
        return { kind, meta };
      case "Service":
        return readService(spec ?? emptySpec(envelope), specContext, meta);
      case "Deployment":
        return readDeployment(spec ?? emptySpec(envelope), specContext, meta, options);
      case "Pod":
        return readPod(spec ?? emptySpec(envelope), specContext, meta, options);
      case "ClusterStaticEntry":
        reader.ignore(["status"]);
        return readStaticEntry(spec ?? emptySpec(envelope), specContext, meta);
    }
  })();
  return reader.finish(() => object);
}

const CUSTOM_UNENFORCED =
  "action CUSTOM is not enforced by version 0.1, which asks no external provider (ALLOW, DENY and AUDIT are)";

type PolicyKind = "PeerAuthentication" | "AuthorizationPolicy" | "RequestAuthentication";

function isPolicyKind(kind: MeshKind): kind is PolicyKind {
  return kind === "PeerAuthentication" || kind === "AuthorizationPolicy" || kind === "RequestAuthentication";
}

function readPolicy(
  kind: PolicyKind,
  envelope: ObjectEnvelope,
  options: ParseManifestsOptions,
  collector: FindingCollector,
): MeshObject | undefined {
  const { defaultNamespace } = options;
  const meta = (): ObjectMeta => readMeta(kind, envelope, options, collector);
  if (kind === "PeerAuthentication") {
    const policy = accept(parsePeerAuthentication(envelope, { defaultNamespace }), collector);
    return policy && { kind, meta: meta(), policy };
  }
  if (kind === "RequestAuthentication") {
    const policy = accept(parseRequestAuthentication(envelope, { defaultNamespace }), collector);
    return policy && { kind, meta: meta(), policy };
  }
  const policy = accept(parseAuthorizationPolicy(envelope, { defaultNamespace }), collector);
  if (policy?.action !== "custom") return policy && { kind, meta: meta(), policy };
  const place = locate(envelope.node, ["spec", "action"]);
  collector.add(unenforced(CUSTOM_UNENFORCED, place, options));
  return undefined;
}

function accept<Value>(result: ParseResult<Value>, collector: FindingCollector): Value | undefined {
  collector.add(...result.findings);
  return result.kind === "refused" ? undefined : result.value;
}

function readMeta(
  kind: MeshKind,
  envelope: ObjectEnvelope,
  options: ParseManifestsOptions,
  collector: FindingCollector,
): ObjectMeta {
  const { name, namespace, labels, annotations } = envelope.metadata;
  const check = kind === "Service" ? checkDns1035Label : kind === "Namespace" ? checkDns1123Label : undefined;
  const broken = check?.(name);
  if (broken !== undefined)
    collector.report("SYM0203", locate(envelope.node, ["metadata", "name"]), `invalid value "${name}": ${broken}`);
  if (isClusterScoped(kind)) {
    if (namespace !== undefined)
      collector.report("SYM0204", locate(envelope.node, ["metadata", "namespace"]), `a ${kind} is in no namespace`);
    return { name, namespace: "", labels, annotations };
  }
  return { name, namespace: namespace ?? options.defaultNamespace, labels, annotations };
}

/** A missing spec is read as an empty one, so that the messages name the fields that are wanted. */
function emptySpec(envelope: ObjectEnvelope): DocumentNode {
  return { kind: "map", position: envelope.position, entries: [] };
}

function judge(envelope: ObjectEnvelope, options: ParseManifestsOptions): readonly Finding[] {
  const verdict = judgeOtherKind(envelope);
  const place = locate(envelope.node, ["kind"]);
  switch (verdict.kind) {
    case "unknown":
      return [
        verdict.field === "kind"
          ? meshFinding("SYM2003", withKindHint(envelope, verdict.message), place)
          : meshFinding("SYM2003", verdict.message, locate(envelope.node, [verdict.field])),
      ];
    case "ignored":
      return [meshFinding("SYM2002", verdict.why, place)];
    case "unenforced":
      return [unenforced(verdict.what, place, options)];
  }
}

function unenforced(what: string, place: FindingPlace, { allowUnenforced }: ParseManifestsOptions): Finding {
  return allowUnenforced
    ? meshFinding("SYM2001", `${what}; left out because of --allow-unenforced`, { ...place, severity: "warning" })
    : meshFinding(
        "SYM2001",
        `${what}, and leaving it out would open what it closes; --allow-unenforced takes the file without it`,
        place,
      );
}

/** "kind: service" or "kind: pods" is what people write by hand. */
function withKindHint(envelope: ObjectEnvelope, message: string): string {
  const meant = findKind(envelope.kind)?.kind;
  return meant === undefined || message.includes("did you mean") ? message : `${message}; did you mean "${meant}"?`;
}
