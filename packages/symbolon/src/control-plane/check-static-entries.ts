import type { Finding } from "@symbolon/policy";
import { type ClusterStaticEntryObject, locate, meshFinding, type ParsedObject } from "../mesh/index.ts";

/** What only the mesh knows of an entry: which trust domain is its own, and that it has no other's bundle. */
export function checkStaticEntries(objects: readonly ParsedObject[], trustDomain: string): readonly Finding[] {
  return objects.flatMap(({ object, node }): readonly Finding[] =>
    object.kind === "ClusterStaticEntry"
      ? [...checkOwnDomain(object, node, trustDomain), ...checkFederation(object, node, trustDomain)]
      : [],
  );
}

/** The CA of one trust domain certifies nobody of another. */
function checkOwnDomain(
  { spiffeId }: ClusterStaticEntryObject,
  node: ParsedObject["node"],
  trustDomain: string,
): readonly Finding[] {
  if (spiffeId.trustDomain.name === trustDomain) return [];
  const message = `"${spiffeId}" is not of this mesh's trust domain "${trustDomain}"`;
  return [meshFinding("SYM2308", message, locate(node, ["spec", "spiffeID"]))];
}

/** The bundle of the own trust domain every workload has, whether its entry says so or not. */
function checkFederation(
  { federatesWith }: ClusterStaticEntryObject,
  node: ParsedObject["node"],
  trustDomain: string,
): readonly Finding[] {
  return federatesWith
    .filter(({ name }) => name !== trustDomain)
    .map(({ name }) => {
      const message = `there is no bundle of "${name}" here: workloads of this entry get none, and refuse its SVIDs. Remove it, or correct it if it is a mistake: this mesh has the bundle of "${trustDomain}" alone`;
      return meshFinding("SYM2310", message, locate(node, ["spec", "federatesWith"]));
    });
}
