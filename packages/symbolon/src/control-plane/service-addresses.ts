import type { Finding } from "@symbolon/policy";
import { isSymbolonError } from "@symbolon/spiffe/core";
import { type Ipv4Range, locate, meshFinding, type ParsedObject, type ServiceObject } from "../mesh/index.ts";
import { createAddressPool } from "./address-pool.ts";
import { keyText } from "./stored-object.ts";

export interface ServiceAddresses {
  /** By the Service's key; headless Services have none. */
  readonly addresses: ReadonlyMap<string, string>;
  readonly cursor: string | undefined;
  readonly findings: readonly Finding[];
}

/** Gives every Service its cluster IP: the one it has, the one that its manifest asks for, or a free one. */
export function assignServiceAddresses(
  objects: readonly ParsedObject[],
  previous: Pick<ServiceAddresses, "addresses" | "cursor">,
  range: Ipv4Range,
): ServiceAddresses {
  const pool = createAddressPool(range, "service", previous.cursor);
  const addresses = new Map<string, string>();
  const findings: Finding[] = [];
  const services = objects
    .flatMap((entry) =>
      entry.object.kind === "Service" && entry.object.clusterIp !== "none"
        ? [{ entry, wanted: wantedAddress(entry.object) }]
        : [],
    )
    .map(({ entry, wanted }) => ({ entry, wanted, key: keyText(entry.key) }));

  // Whoever has an address keeps it, also against a manifest that asks for it now.
  for (const { key, wanted } of services) {
    const held = previous.addresses.get(key);
    if (held === undefined || (wanted !== undefined && wanted !== held) || pool.isTaken(held)) continue;
    if (tryTo(() => pool.claim(held)) === undefined) addresses.set(key, held);
  }
  for (const { key, wanted, entry } of services) {
    if (wanted === undefined || addresses.has(key)) continue;
    const refusal = tryTo(() => pool.claim(wanted));
    if (refusal === undefined) addresses.set(key, wanted);
    else findings.push(meshFinding("SYM2202", refusal, locate(entry.node, ["spec", "clusterIP"])));
  }
  for (const { key, wanted, entry } of services) {
    if (wanted !== undefined || addresses.has(key)) continue;
    const refusal = tryTo(() => addresses.set(key, pool.allocate()));
    if (refusal !== undefined) findings.push(meshFinding("SYM2202", refusal, locate(entry.node, ["spec"])));
  }
  return { addresses, cursor: pool.cursor, findings };
}

function wantedAddress({ clusterIp }: ServiceObject): string | undefined {
  return typeof clusterIp === "object" ? clusterIp.address : undefined;
}

/** Message of a refusal; anything but a refusal is not ours to judge. */
function tryTo(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (isSymbolonError(error)) return error.message;
    throw error;
  }
}
