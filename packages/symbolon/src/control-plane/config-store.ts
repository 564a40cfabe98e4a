import { type Finding, formatFinding, hasErrors } from "@symbolon/policy";
import type { Clock, Random } from "@symbolon/spiffe/core";
import { productError } from "../core/index.ts";
import {
  type Ipv4Range,
  type MeshObject,
  type ObjectKey,
  type ParseManifestsOptions,
  parseDocument,
} from "../mesh/index.ts";
import { randomUuid } from "./make-pod.ts";
import {
  type AppliedObject,
  type ConfigSources,
  type MergedConfig,
  mergeConfig,
  type OwnedObject,
  sameObject,
} from "./merge-config.ts";
import type { PersistedState } from "./persisted-state.ts";
import type { StateChanges } from "./ports.ts";
import { assignServiceAddresses, type ServiceAddresses } from "./service-addresses.ts";
import { type ConfigState, changesOfState } from "./state-records.ts";
import { keyText, type ObjectIdentity, type StoredObject } from "./stored-object.ts";

export interface ConfigStoreOptions {
  readonly persisted: PersistedState;
  readonly manifests: ParseManifestsOptions;
  readonly rootNamespace: string;
  readonly trustDomain: string;
  readonly serviceRange: Ipv4Range;
  readonly clock: Clock;
  readonly random: Random;
}

export interface ObjectChange {
  readonly key: ObjectKey;
  readonly action: "created" | "configured" | "unchanged" | "deleted";
}

/** A configuration that was checked as a whole and is ready to be in force; nothing has changed yet. */
export interface PreparedConfig {
  readonly sources: ConfigSources;
  readonly objects: ReadonlyMap<string, StoredObject>;
  readonly addresses: ServiceAddresses;
  readonly changes: readonly ObjectChange[];
  readonly findings: readonly Finding[];
  /** What has to be durable before it is accepted. */
  readonly stateChanges: StateChanges;
}

export type PrepareResult =
  | { readonly kind: "prepared"; readonly config: PreparedConfig }
  | { readonly kind: "refused"; readonly findings: readonly Finding[] };

/** Objects in force. `prepare` checks a whole new set of sources; `accept` puts it in force; between them, the caller makes it durable. */
export interface ConfigStore {
  readonly sources: ConfigSources;
  readonly objects: ReadonlyMap<string, StoredObject>;
  readonly serviceAddresses: ReadonlyMap<string, string>;
  /** Warnings and notes of what is in force. */
  readonly findings: readonly Finding[];
  /** Why what was in force last could not be put in force again; nothing is, then, until a first `accept`. */
  readonly restoreProblem: Error | undefined;
  prepare(sources: ConfigSources, options?: { readonly filesTakeOver?: boolean }): PrepareResult;
  /** Its `stateChanges` are durable by now. */
  accept(config: PreparedConfig): void;
}

/** Starts with what was in force last. @throws ERR_STATE_UNREADABLE for an applied object, which nothing can replace */
export function createConfigStore(options: ConfigStoreOptions): ConfigStore {
  const { persisted, clock, random } = options;
  let identities = persisted.identities;
  let sources: ConfigSources = { files: persisted.files, applied: restoreApplied(options) };
  let objects: ReadonlyMap<string, StoredObject> = new Map();
  let addresses: Pick<ServiceAddresses, "addresses" | "cursor"> = {
    addresses: persisted.serviceAddresses,
    cursor: persisted.settings.serviceAddressCursor,
  };
  let findings: readonly Finding[] = [];
  /** What the store has; what a restore finds out, such as implicit objects, is not in it yet. */
  let saved: ConfigState = { sources, identities, addresses };

  const prepare: ConfigStore["prepare"] = (newSources, { filesTakeOver = false } = {}) => {
    const now = clock.now();
    const merged = mergeConfig(newSources, {
      manifests: options.manifests,
      rootNamespace: options.rootNamespace,
      trustDomain: options.trustDomain,
      filesTakeOver,
      createdAt: (key) => new Date(identities.get(key)?.createdAt ?? now),
    });
    if (hasErrors(merged.findings)) return { kind: "refused", findings: merged.findings };
    const owned = withImplicitObjects(merged, options.rootNamespace);
    const newAddresses = assignServiceAddresses([...merged.objects.values()], addresses, options.serviceRange);
    const allFindings = [...merged.findings, ...newAddresses.findings];
    if (hasErrors(allFindings)) return { kind: "refused", findings: allFindings };

    const identify = (key: string, object: MeshObject): ObjectIdentity => {
      const known = identities.get(key);
      if (known === undefined) return { uid: randomUuid(random), createdAt: now.toISOString(), generation: 1 };
      const before = objects.get(key);
      return before === undefined || sameObject(before.object, object)
        ? known
        : { ...known, generation: known.generation + 1 };
    };
    const newObjects = new Map(
      [...owned].map(([key, entry]) => [key, { ...entry, identity: identify(key, entry.object) }]),
    );
    const applied = new Map([...newSources.applied].filter(([key]) => !merged.takenOver.includes(key)));
    const config = {
      sources: { files: newSources.files, applied },
      objects: newObjects,
      addresses: newAddresses,
      changes: changesBetween(objects, newObjects),
      findings: allFindings,
    };
    return { kind: "prepared", config: { ...config, stateChanges: stateChanges(config) } };
  };

  const stateChanges = (config: Omit<PreparedConfig, "stateChanges">): StateChanges =>
    changesOfState(saved, { ...config, identities: identitiesOf(config.objects) });

  const accept = (config: PreparedConfig): void => {
    ({ sources, objects, addresses, findings } = config);
    identities = identitiesOf(objects);
  };

  const restoreProblem = restore(prepare, accept, sources);
  return {
    restoreProblem,
    get sources() {
      return sources;
    },
    get objects() {
      return objects;
    },
    get serviceAddresses() {
      return addresses.addresses;
    },
    get findings() {
      return findings;
    },
    prepare,
    accept(config) {
      accept(config);
      saved = { sources, identities, addresses };
    },
  };
}

/**
 * The last good state was good when it was stored, under that run's options. Refused now, it puts nothing in force, and
 * whoever has nothing better to put there must not start: less than what was in force could be open.
 */
function restore(
  prepare: ConfigStore["prepare"],
  accept: ConfigStore["accept"],
  sources: ConfigSources,
): Error | undefined {
  const result = prepare(sources);
  if (result.kind === "refused") return unacceptable("the stored configuration is", result.findings);
  accept(result.config);
  return undefined;
}

function unacceptable(what: string, findings: readonly Finding[]): Error {
  const errors = findings.filter(({ severity }) => severity === "error");
  const [first] = errors;
  const why = first === undefined ? "" : `: ${formatFinding(first)}`;
  return productError("ERR_STATE_UNREADABLE", `${what} not accepted by this version and these options${why}`, {
    details: { findings: errors },
  });
}

function restoreApplied(options: ConfigStoreOptions): ReadonlyMap<string, AppliedObject> {
  return new Map(
    [...options.persisted.applied].map(([key, { node, file, line, namespace }]) => {
      const { object, findings } = parseDocument(node, { ...options.manifests, defaultNamespace: namespace });
      if (object) return [key, { ...object, file, line, namespace }];
      throw unacceptable(`stored object ${key} (${file}:${line}) is`, findings);
    }),
  );
}

/** Namespaces that something is in, and the ServiceAccount "default" that Kubernetes makes in each. */
function withImplicitObjects(
  merged: MergedConfig,
  rootNamespace: string,
): ReadonlyMap<string, Omit<StoredObject, "identity">> {
  const objects = new Map<string, Omit<StoredObject, "identity">>();
  const declared: readonly OwnedObject[] = [...merged.objects.values()];
  const namespaces = declared.flatMap(({ key }) =>
    key.kind === "Namespace" ? key.name : key.namespace === "" ? [] : key.namespace,
  );
  for (const name of new Set(["default", rootNamespace, ...namespaces])) {
    for (const object of implicitObjects(name)) {
      const key = { kind: object.kind, namespace: object.meta.namespace, name: object.meta.name };
      objects.set(keyText(key), { key, object, owner: { kind: "implicit" } });
    }
  }
  for (const entry of declared) objects.set(keyText(entry.key), entry);
  return new Map([...objects].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function implicitObjects(namespace: string): readonly MeshObject[] {
  const labels = { "kubernetes.io/metadata.name": namespace };
  return [
    { kind: "Namespace", meta: { name: namespace, namespace: "", labels, annotations: {} } },
    { kind: "ServiceAccount", meta: { name: "default", namespace, labels: {}, annotations: {} } },
  ];
}

function changesBetween(
  before: ReadonlyMap<string, StoredObject>,
  after: ReadonlyMap<string, StoredObject>,
): readonly ObjectChange[] {
  const kept = [...after].map(([text, { key, object }]): ObjectChange => {
    const old = before.get(text);
    if (old === undefined) return { key, action: "created" };
    return { key, action: sameObject(old.object, object) ? "unchanged" : "configured" };
  });
  const gone = [...before]
    .filter(([text]) => !after.has(text))
    .map(([, { key }]): ObjectChange => ({ key, action: "deleted" }));
  return [...kept, ...gone];
}

function identitiesOf(objects: ReadonlyMap<string, StoredObject>): ReadonlyMap<string, ObjectIdentity> {
  return new Map([...objects].map(([key, { identity }]) => [key, identity]));
}
