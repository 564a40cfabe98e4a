import type { Finding } from "@symbolon/policy";
import { locate, meshFinding, type ParsedObject } from "../mesh/index.ts";

/** The CA of one trust domain certifies nobody of another. */
export function checkStaticEntries(objects: readonly ParsedObject[], trustDomain: string): readonly Finding[] {
  return objects.flatMap(({ object, node }): readonly Finding[] => {
    if (object.kind !== "ClusterStaticEntry" || object.spiffeId.trustDomain.name === trustDomain) return [];
    const message = `"${object.spiffeId}" is not of this mesh's trust domain "${trustDomain}"`;
    return [meshFinding("SYM2308", message, locate(node, ["spec", "spiffeID"]))];
  });
}
