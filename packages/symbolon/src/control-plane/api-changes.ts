import { type Finding, formatFinding, hasErrors } from "@symbolon/policy";
import { productError } from "../core/index.ts";
import {
  type ManifestText,
  meshFinding,
  type ObjectKey,
  objectKeyText,
  type ParsedObject,
  type ParseManifestsOptions,
  parseManifests,
} from "../mesh/index.ts";
import type { ConfigStore, ObjectChange, PreparedConfig } from "./config-store.ts";
import { type AppliedObject, duplicatesIn, sameObject } from "./merge-config.ts";
import type { PodRecord } from "./pod-record.ts";
import { keyText, ownerText, type StoredObject } from "./stored-object.ts";

export interface ApplyRequest {
  readonly manifests: readonly ManifestText[];
  /** Namespace of objects that name none. */
  readonly namespace: string;
  readonly allowUnenforced: boolean;
  /** Check only. */
  readonly dryRun: boolean;
  /** Who asks, as the audit log names him; absent: `api`. */
  readonly actor?: string;
}

export interface DeleteRequest {
  readonly keys: readonly ObjectKey[];
  readonly ignoreNotFound: boolean;
  /** Who asks, as the audit log names him; absent: `api`. */
  readonly actor?: string;
}

/** What came of a change, JSON-safe. Refused changes have changed nothing. */
export interface ChangeAnswer {
  readonly accepted: boolean;
  readonly changes: readonly ObjectChange[];
  /** Formatted, one line each. */
  readonly findings: readonly string[];
  /** Configuration version from which on the change is in force. */
  readonly version: number;
}

/** An answer, and what has to happen for it to be true; without `prepared` nothing does. */
export type Change = ChangeAnswer & {
  readonly prepared?: PreparedConfig;
  /** Pods of Deployments that end; they are no objects of the configuration. */
  readonly endingPods?: readonly PodRecord[];
  /** Why a change that was to be made is refused. */
  readonly refusal?: readonly Finding[];
};

export function applyManifests(
  config: ConfigStore,
  options: { readonly manifests: ParseManifestsOptions },
  request: ApplyRequest,
  version: number,
): Change {
  const { namespace, allowUnenforced, dryRun } = request;
  const rules = { ...options.manifests, defaultNamespace: namespace, allowUnenforced };
  const parsed = parseManifests(request.manifests, rules);
  const own = [...parsed.findings, ...duplicatesIn(parsed.objects)];
  if (hasErrors(own)) return refused(own, version, dryRun);
  const applied = new Map<string, AppliedObject>(config.sources.applied);
  const followed = parsed.objects.filter(({ key }) => config.objects.get(keyText(key))?.owner.kind === "file");
  const conflicts = followed.flatMap((entry) => conflictWithFile(entry, config.objects.get(keyText(entry.key))));
  if (conflicts.length > 0) return refused([...own, ...conflicts], version, dryRun);
  for (const entry of parsed.objects.filter((each) => !followed.includes(each))) {
    const { file, line } = entry.node.position;
    applied.set(keyText(entry.key), { ...entry, file, line, namespace });
  }
  const result = config.prepare({ files: config.sources.files, applied });
  if (result.kind === "refused") return refused([...own, ...result.findings], version, dryRun);
  const named = new Set(parsed.objects.map(({ key }) => keyText(key)));
  const touched = ({ position }: Finding) => request.manifests.some(({ file }) => file === position.file);
  return {
    accepted: true,
    // What else a change brings about, such as an implicit namespace, is not what was asked for.
    changes: result.config.changes.filter(({ key }) => named.has(keyText(key))),
    findings: [...own, ...result.config.findings.filter(touched)].map(formatFinding),
    version,
    ...(dryRun ? {} : { prepared: result.config }),
  };
}

/** What a file of the mesh declares may be applied as it is there; changed it is in the file. */
function conflictWithFile(entry: ParsedObject, declared: StoredObject | undefined): readonly Finding[] {
  if (declared === undefined || sameObject(entry.object, declared.object)) return [];
  const place = { path: "metadata.name", position: entry.node.position };
  const where = ownerText(declared.owner);
  return [
    meshFinding(
      "SYM2006",
      `${objectKeyText(entry.key)} is declared in ${where}, which this mesh follows; change it there`,
      place,
    ),
  ];
}

/** @throws ERR_OBJECT_NOT_FOUND, ERR_OBJECT_OWNED_BY_FILE */
export function deleteObjects(
  config: ConfigStore,
  request: DeleteRequest,
  version: number,
  pods: readonly PodRecord[],
): Change {
  const applied = new Map(config.sources.applied);
  const endingPods: PodRecord[] = [];
  const changes: ObjectChange[] = [];
  for (const key of request.keys) {
    const pod = key.kind === "Pod" ? pods.find((record) => isPod(record, key)) : undefined;
    // A pod that a Deployment made has no manifest of its own: it ends, and the Deployment makes another.
    if (pod !== undefined && pod.owner.kind !== "Pod") endingPods.push(pod);
    else if (!removeApplied(config, applied, key)) {
      if (request.ignoreNotFound) continue;
      throw productError("ERR_OBJECT_NOT_FOUND", `${objectKeyText(key)} is not there`, { details: { key } });
    }
    changes.push({ key, action: "deleted" });
  }
  const result = config.prepare({ files: config.sources.files, applied });
  if (result.kind === "refused") return refused(result.findings, version);
  return { accepted: true, changes, findings: [], version, prepared: result.config, endingPods };
}

/** With a namespace goes everything in it. False when there is no such object. */
function removeApplied(config: ConfigStore, applied: Map<string, AppliedObject>, key: ObjectKey): boolean {
  const inside =
    key.kind === "Namespace" ? [...config.objects.values()].filter((each) => each.key.namespace === key.name) : [];
  const own = config.objects.get(keyText(key));
  const gone = [...(own === undefined ? [] : [own]), ...inside].filter(({ owner }) => owner.kind !== "implicit");
  for (const { key: goneKey, owner } of gone) {
    if (owner.kind === "file")
      throw productError(
        "ERR_OBJECT_OWNED_BY_FILE",
        `${objectKeyText(goneKey)} is declared in ${ownerText(owner)}, which this mesh follows; remove it there`,
        { details: { key: goneKey } },
      );
    applied.delete(keyText(goneKey));
  }
  return gone.length > 0;
}

function isPod({ pod }: PodRecord, key: ObjectKey): boolean {
  return pod.namespace === key.namespace && pod.name === key.name;
}

function refused(findings: readonly Finding[], version: number, dryRun = false): Change {
  const answer = { accepted: false, changes: [], findings: findings.map(formatFinding), version };
  return dryRun ? answer : { ...answer, refusal: findings };
}
