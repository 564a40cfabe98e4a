import type { DocumentNode } from "@symbolon/policy";
import { errorText } from "@symbolon/spiffe/core";
import { productError } from "../core/index.ts";
import type { ManifestText } from "../mesh/index.ts";
import type { StoredKeySet } from "./key-sets.ts";
import type { PodRecord } from "./pod-record.ts";
import type { StateKind, StateRecord } from "./ports.ts";
import type { ObjectIdentity } from "./stored-object.ts";

/** What was kept of an object that came through the API; positions are in `node`. */
export interface PersistedApplied {
  readonly node: DocumentNode;
  readonly file: string;
  readonly line: number;
  /** Namespace of the request, for an object that names none. */
  readonly namespace: string;
}

export interface PersistedState {
  readonly applied: ReadonlyMap<string, PersistedApplied>;
  readonly files: readonly ManifestText[];
  readonly identities: ReadonlyMap<string, ObjectIdentity>;
  readonly pods: readonly PodRecord[];
  readonly serviceAddresses: ReadonlyMap<string, string>;
  readonly settings: Settings;
  readonly keySets: ReadonlyMap<string, StoredKeySet>;
}

export interface Settings {
  /** How often a control plane has started on this state: versions of a later run are above those of an earlier one. */
  readonly starts?: number;
  readonly bootId?: string;
  readonly podAddressCursor?: string;
  readonly serviceAddressCursor?: string;
}

export function decodeState(records: readonly StateRecord[]): PersistedState {
  // The store holds what `encode*` wrote; a record that is no JSON means that the file was changed by another hand.
  const of = <T>(kind: StateKind) =>
    new Map(records.filter((record) => record.kind === kind).map((record) => [record.key, decode<T>(record)]));
  return {
    applied: of<PersistedApplied>("object"),
    files: [...of<Omit<ManifestText, "file">>("manifest-file")].map(([file, rest]) => ({ ...rest, file })),
    identities: of<ObjectIdentity>("identity"),
    pods: [...of<PodRecord>("pod").values()],
    serviceAddresses: of<string>("service-address"),
    keySets: of<StoredKeySet>("key-set"),
    settings: Object.fromEntries(of<string | number>("setting")) as Settings,
  };
}

export function encodeRecord(kind: StateKind, key: string, value: unknown): StateRecord {
  return { kind, key, value: JSON.stringify(value) };
}

export function encodeSettings(settings: Settings): readonly StateRecord[] {
  return Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => encodeRecord("setting", key, value));
}

function decode<T>({ kind, key, value }: StateRecord): T {
  try {
    return JSON.parse(value) as T;
  } catch (cause) {
    throw productError("ERR_STATE_UNREADABLE", `state record ${kind} "${key}" is damaged: ${errorText(cause)}`, {
      cause,
    });
  }
}
