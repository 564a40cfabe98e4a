import { create } from "@bufbuild/protobuf";
import { BundleSet, JwtBundleSet, SpiffeBundle } from "@symbolon/spiffe/bundle";
import { SpiffeId, TrustDomain } from "@symbolon/spiffe/id";
import type { NodeState } from "../../agent/index.ts";
import type { RegistrationEntry } from "../../core/index.ts";
import { type Entry, EntrySchema, type NodeState as NodeStateMessage, NodeStateSchema } from "../../gen/index.ts";

/** What the CA tells its agents. */
export function nodeStateMessage(
  revision: bigint,
  bundles: readonly SpiffeBundle[],
  entries: readonly RegistrationEntry[],
): NodeStateMessage {
  return create(NodeStateSchema, {
    revision,
    bundles: bundles.map(({ trustDomain, json }) => ({ trustDomain: trustDomain.name, document: Buffer.from(json) })),
    entries: entries.map(entryMessage),
  });
}

/** @throws what parsing throws: an agent takes a state as a whole or not at all */
export function readNodeState({ bundles, entries }: NodeStateMessage): NodeState {
  const parsed = bundles.map(({ trustDomain, document }) =>
    SpiffeBundle.parse(TrustDomain.parse(trustDomain), document),
  );
  return {
    bundles: BundleSet.of(...parsed.map(({ x509Bundle }) => x509Bundle)),
    jwtBundles: JwtBundleSet.of(...parsed.map(({ jwtBundle }) => jwtBundle)),
    entries: entries.map(readEntry),
  };
}

function entryMessage(entry: RegistrationEntry): Entry {
  const { id, name, revision, spiffeId, selectors, federatesWith, dnsNames, hint, createdAt, isDefault } = entry;
  return create(EntrySchema, {
    id,
    name,
    revision: BigInt(revision),
    spiffeId: spiffeId.toString(),
    selectors: selectors.map(({ type, value }) => ({ type, value })),
    federatesWith: federatesWith.map((trustDomain) => trustDomain.name),
    x509SvidTtl: entry.x509LifetimeSeconds ?? 0,
    jwtSvidTtl: entry.jwtLifetimeSeconds ?? 0,
    dnsNames: [...dnsNames],
    hint: hint ?? "",
    createdAtMs: BigInt(createdAt.getTime()),
    isDefault,
  });
}

function readEntry(message: Entry): RegistrationEntry {
  const { id, name, revision, spiffeId, selectors, federatesWith, dnsNames, hint, createdAtMs, isDefault } = message;
  return {
    id,
    name,
    revision: Number(revision),
    spiffeId: SpiffeId.parse(spiffeId),
    selectors: selectors.map(({ type, value }) => ({ type, value })),
    federatesWith: federatesWith.map((trustDomain) => TrustDomain.parse(trustDomain)),
    ...(message.x509SvidTtl > 0 ? { x509LifetimeSeconds: message.x509SvidTtl } : {}),
    ...(message.jwtSvidTtl > 0 ? { jwtLifetimeSeconds: message.jwtSvidTtl } : {}),
    dnsNames,
    ...(hint === "" ? {} : { hint }),
    createdAt: new Date(Number(createdAtMs)),
    isDefault,
  };
}
