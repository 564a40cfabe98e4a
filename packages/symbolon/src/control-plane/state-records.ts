import type { ConfigSources } from "./merge-config.ts";
import { encodeRecord, encodeSettings } from "./persisted-state.ts";
import type { StateChanges, StateRecord } from "./ports.ts";
import type { ServiceAddresses } from "./service-addresses.ts";
import type { ObjectIdentity } from "./stored-object.ts";

/** What is kept of a configuration. */
export interface ConfigState {
  readonly sources: ConfigSources;
  readonly identities: ReadonlyMap<string, ObjectIdentity>;
  readonly addresses: Pick<ServiceAddresses, "addresses" | "cursor">;
}

/** The records that differ between two configurations. */
export function changesOfState(from: ConfigState, to: ConfigState): StateChanges {
  const before = [...recordsOf(from)];
  const after = [...recordsOf(to)];
  const id = ({ kind, key }: StateRecord) => `${kind}\0${key}`;
  const old = new Map(before.map((record) => [id(record), record.value]));
  const kept = new Set(after.map(id));
  return {
    put: after.filter((record) => old.get(id(record)) !== record.value),
    remove: before.filter((record) => !kept.has(id(record))).map(({ kind, key }) => ({ kind, key })),
  };
}

function* recordsOf({ sources, identities, addresses }: ConfigState): Generator<StateRecord> {
  for (const manifest of sources.files)
    yield recordOnce(manifest, () => {
      const { file, ...rest } = manifest;
      return encodeRecord("manifest-file", file, rest);
    });
  for (const [key, applied] of sources.applied)
    yield recordOnce(applied, () => {
      const { node, file, line, namespace } = applied;
      return encodeRecord("object", key, { node, file, line, namespace });
    });
  for (const [key, identity] of identities) yield recordOnce(identity, () => encodeRecord("identity", key, identity));
  for (const [key, address] of addresses.addresses) yield encodeRecord("service-address", key, address);
  if (addresses.cursor !== undefined) yield* encodeSettings({ serviceAddressCursor: addresses.cursor });
}

const records = new WeakMap<object, StateRecord>();

/** Of a value that has one key and is never edited: a change of one object writes, and makes, one record. */
function recordOnce(value: object, make: () => StateRecord): StateRecord {
  const known = records.get(value);
  if (known) return known;
  const made = make();
  records.set(value, made);
  return made;
}
