import { type Finding, findDuplicateObjects, hasErrors, pointAtFields } from "@symbolon/policy";
import {
  type ManifestText,
  type MeshObject,
  meshFinding,
  objectKeyText,
  type ParsedManifests,
  type ParsedObject,
  type ParseManifestsOptions,
  parseManifests,
} from "../mesh/index.ts";
import { checkMachinePorts } from "./check-machine-ports.ts";
import { checkStaticEntries } from "./check-static-entries.ts";
import { crossCheck } from "./cross-checks.ts";
import { checkMeshConfigs, meshConfigOf, policiesOf } from "./mesh-policies.ts";
import { checkPolicyLimits } from "./policy-limits.ts";
import { keyText, type ObjectOwner, ownerText } from "./stored-object.ts";
import { canonicalJson } from "./template-hash.ts";

/** Everything that was declared, from wherever: the input of a configuration. */
export interface ConfigSources {
  readonly files: readonly ManifestText[];
  /** Applied through the API, by key. */
  readonly applied: ReadonlyMap<string, AppliedObject>;
}

export interface AppliedObject extends ParsedObject {
  readonly file: string;
  readonly line: number;
  /** Namespace of the request that applied it, for a document that names none. */
  readonly namespace: string;
}

export interface OwnedObject extends ParsedObject {
  readonly owner: ObjectOwner;
}

export interface MergedConfig {
  /** By key; use it only when `findings` has no error. */
  readonly objects: ReadonlyMap<string, OwnedObject>;
  readonly findings: readonly Finding[];
  /** Keys that files took over from the API. */
  readonly takenOver: readonly string[];
}

export interface MergeOptions {
  readonly manifests: ParseManifestsOptions;
  readonly rootNamespace: string;
  readonly trustDomain: string;
  /** At the start of a mesh files win over what was applied before; later, two owners are an error. */
  readonly filesTakeOver: boolean;
  readonly createdAt: (key: string) => Date;
}

/** Reads and merges all sources, and finds whatever is wrong in and between them. */
export function mergeConfig(sources: ConfigSources, options: MergeOptions): MergedConfig {
  const parsed = parseFiles(sources.files, options.manifests);
  const fromFiles = new Map(parsed.objects.map((entry) => [keyText(entry.key), withFileOwner(entry)]));
  const both = [...sources.applied].filter(([key]) => fromFiles.has(key));
  const takenOver = options.filesTakeOver ? both.map(([key]) => key) : [];
  const objects = new Map<string, OwnedObject>(
    [...sources.applied].map(([key, entry]) => [
      key,
      { ...entry, owner: { kind: "api", file: entry.file, line: entry.line } },
    ]),
  );
  for (const [key, entry] of fromFiles) objects.set(key, entry);

  const ownFindings = [
    ...parsed.findings,
    ...duplicatesIn(parsed.objects),
    ...both.flatMap(([key, applied]) => judgeTwoOwners(applied, fromFiles.get(key), options.filesTakeOver)),
  ];
  // Between objects there is more to find only when each is right: a missing one would be reported twice.
  const crossFindings = hasErrors(ownFindings) ? [] : crossCheckAll([...objects.values()], options);
  return { objects, findings: [...ownFindings, ...crossFindings], takenOver };
}

const parsedFiles = new WeakMap<
  ConfigSources["files"],
  { readonly options: ParseManifestsOptions; readonly parsed: ParsedManifests }
>();

/** Once for the files as they were read: what is applied leaves them, and what was made of their objects, as they are. */
function parseFiles(files: ConfigSources["files"], options: ParseManifestsOptions): ParsedManifests {
  const known = parsedFiles.get(files);
  if (known?.options === options) return known.parsed;
  const parsed = parseManifests(files, options);
  parsedFiles.set(files, { options, parsed });
  return parsed;
}

function crossCheckAll(objects: readonly OwnedObject[], options: MergeOptions): readonly Finding[] {
  const meshConfig = meshConfigOf(objects, options.rootNamespace);
  const { machinePorts } = options.manifests;
  const rootNamespace = meshConfig?.rootNamespace ?? options.rootNamespace;
  const policies = policiesOf(objects, options.createdAt);
  const findings = [
    ...(machinePorts ? checkMachinePorts(filesFirst(objects), machinePorts) : []),
    ...checkMeshConfigs(objects, options),
    ...checkStaticEntries(objects, options.trustDomain),
    ...checkPolicyLimits(objects, policies.authorizationPolicies, rootNamespace),
    ...crossCheck({ objects, ...policies, rootNamespace }),
  ];
  const nodes = objects.map(({ node }) => node);
  return pointAtFields(findings, nodes);
}

/** What is applied has to fit to what the mesh was started with. */
function filesFirst(objects: readonly OwnedObject[]): readonly OwnedObject[] {
  return [
    ...objects.filter(({ owner }) => owner.kind === "file"),
    ...objects.filter(({ owner }) => owner.kind !== "file"),
  ];
}

function withFileOwner(entry: ParsedObject): OwnedObject {
  const { file, line } = entry.node.position;
  return { ...entry, owner: { kind: "file", file, line } };
}

function judgeTwoOwners(
  applied: AppliedObject,
  file: OwnedObject | undefined,
  filesTakeOver: boolean,
): readonly Finding[] {
  if (file === undefined) return [];
  const place = { path: "metadata.name", position: file.node.position };
  const name = objectKeyText(file.key);
  const before = ownerText({ kind: "api", file: applied.file, line: applied.line });
  if (filesTakeOver) return [meshFinding("SYM2007", `${name} was ${before}; the file decides from now on`, place)];
  return [
    meshFinding("SYM2006", `${name} was ${before} and is declared here as well; delete the one or the other`, place),
  ];
}

/** Same object, whatever the order of its fields. */
export function sameObject(a: MeshObject, b: MeshObject): boolean {
  return a === b || comparable(a) === comparable(b);
}

function comparable(object: MeshObject): string {
  if (object.kind === "AuthorizationPolicy" || object.kind === "RequestAuthentication")
    return canonicalJson({ meta: object.meta, policy: withoutPlaces(object.policy) });
  if (object.kind === "ConfigMap") return canonicalJson(withoutPlaces(object));
  if (object.kind !== "PeerAuthentication") return canonicalJson(object);
  const { selector, mode, portLevelMtls } = object.policy;
  return canonicalJson({ meta: object.meta, selector, mode, ports: [...portLevelMtls].sort() });
}

/** A policy whose lines have moved is the same policy. A label may be called "position" too, but holds a string. */
function withoutPlaces(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPlaces);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  const entries = Object.entries(value).filter(([key, inner]) => key !== "position" || typeof inner === "string");
  return Object.fromEntries(entries.map(([key, inner]) => [key, withoutPlaces(inner)]));
}

/** Two documents of one request that name the same object. */
export function duplicatesIn(objects: readonly ParsedObject[]): readonly Finding[] {
  return pointAtFields(
    findDuplicateObjects(objects.map(({ key, node }) => ({ ...key, position: node.position }))),
    objects.map(({ node }) => node),
  );
}

export function unreadableFile(path: string, message: string): Finding {
  return meshFinding("SYM2005", message, { path: "", position: { file: path, line: 1, column: 1 } });
}
