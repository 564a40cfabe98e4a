import { compareEntries, type RegistrationEntry } from "../core/index.ts";
import type { StoredObject } from "./stored-object.ts";

/** Annotation of the entry that comes first for processes with several identities (S6); its value is "true". */
export const DEFAULT_IDENTITY_ANNOTATION = "symbolon.io/default-identity";

/** ClusterStaticEntry objects as agents and CA know them, in the order of S6. */
export function registrationEntries(objects: Iterable<StoredObject>): readonly RegistrationEntry[] {
  const entries: RegistrationEntry[] = [];
  for (const { object, identity } of objects) {
    if (object.kind !== "ClusterStaticEntry") continue;
    const { kind: _, meta, parentId: __, ...facts } = object;
    entries.push({
      ...facts,
      id: identity.uid,
      name: meta.name,
      revision: identity.generation,
      createdAt: new Date(identity.createdAt),
      isDefault: meta.annotations[DEFAULT_IDENTITY_ANNOTATION] === "true",
    });
  }
  return entries.sort(compareEntries);
}

/** Nothing that an agent would have to do anything about. */
export function sameEntries(a: readonly RegistrationEntry[], b: readonly RegistrationEntry[]): boolean {
  return a.length === b.length && a.every(({ id, revision }, at) => b[at]?.id === id && b[at].revision === revision);
}
