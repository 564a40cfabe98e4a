import { BundleSet, JwtBundleSet } from "@symbolon/spiffe/bundle";
import { errorText, type Log, type Observable } from "@symbolon/spiffe/core";
import { type AuditSink, productError, type RegistrationEntry } from "../core/index.ts";
import { createDeliveryRecord } from "./delivery-record.ts";
import type { EntryIdentities } from "./entry-identities.ts";
import { createEntryMatcher, type EntryMatcher } from "./entry-matcher.ts";
import type { JwtSvidCache } from "./jwt-svid-cache.ts";
import { selectorText, uniqueHints } from "./match-entries.ts";
import type { AttestedProcess, NodeState, ProcessAttestor } from "./ports.ts";
import type { Entitlement, Selector, ServedX509Svid, Workload, WorkloadAttestor, WorkloadPeer } from "./workload.ts";

export interface EntryWorkloadsOptions {
  readonly state: Observable<NodeState | undefined>;
  readonly identities: EntryIdentities;
  readonly tokens: JwtSvidCache;
  readonly processes: ProcessAttestor;
  readonly audit: AuditSink;
  readonly log: Log;
}

/** Processes outside pods: each has the identities of all entries whose selectors hold for it. */
export function createEntryWorkloads(options: EntryWorkloadsOptions): WorkloadAttestor {
  return {
    async attest(peer, signal) {
      return createEntryWorkload(peer, await options.processes.attest(peer, signal), options);
    },
  };
}

/** Entries that demand the digest give nothing then; others still may. */
function recordDigestFailure({ pid, uid }: WorkloadPeer, error: unknown, { audit, log }: EntryWorkloadsOptions): void {
  audit
    .write({
      kind: "identity.deliver",
      outcome: "refused",
      actor: `process ${pid} (uid ${uid})`,
      authority: "kernel peer credentials",
      code: "ERR_WORKLOAD_ATTESTATION",
      details: { reason: errorText(error) },
    })
    .catch((failure: unknown) => log.error("audit line was not written", { error: errorText(failure) }));
}

function createEntryWorkload(peer: WorkloadPeer, process: AttestedProcess, options: EntryWorkloadsOptions): Workload {
  const { state, identities, tokens } = options;
  const name = workloadName(peer, process.selectors);
  const recordDelivery = createDeliveryRecord(name, "registration entries", options);
  const followers = new Set<() => void>();
  const holds = new Map<string, () => void>();
  let known: Entitlement | undefined;
  /** Somebody has asked for certificates. */
  let wanted = false;
  let served = false;
  let released = false;

  const changed = (): void => {
    known = undefined;
    for (const follower of [...followers]) follower();
  };
  const matcher = createEntryMatcher(process, {
    changed: () => {
      if (!released) changed();
    },
    failed: (error) => recordDigestFailure(peer, error, options),
  });
  const holdAll = (entries: readonly RegistrationEntry[]): void => {
    const ids = new Set(entries.map(({ id }) => id));
    for (const [id, release] of holds) {
      if (ids.has(id)) continue;
      holds.delete(id);
      release();
    }
    for (const entry of entries) if (!holds.has(entry.id)) holds.set(entry.id, identities.hold(entry, changed));
  };
  const unfollow = state.subscribe((node) => {
    if (node && wanted) holdAll(matcher.match(node).entries);
    changed();
  });

  const find = (): Entitlement => {
    if (released || !peer.isAlive()) return { kind: "none", reason: `${name} has gone` };
    const node = state.current;
    if (!node) return { kind: "pending", reason: "the control plane has not been reached yet" };
    const { entries, isWaiting } = matcher.match(node);
    wanted = true;
    holdAll(entries);
    // The first answer has all identities; later on a new one joins when it is there.
    if (isWaiting && (entries.length === 0 || !served))
      return { kind: "pending", reason: "the digest of its program is being computed" };
    if (entries.length === 0) return { kind: "none", reason: noEntry(name, matcher) };
    const svids = servedSvids(entries);
    const requesting = entries.some(({ id }) => identities.state(id)?.kind === "requesting");
    if (svids.length === 0 || (requesting && !served)) return { kind: "pending", reason: whyPending(entries) };
    served = true;
    recordDelivery(svids);
    return { kind: "granted", svids, ...bundlesFor(node, entries) };
  };

  const servedSvids = (entries: readonly RegistrationEntry[]): readonly ServedX509Svid[] => {
    const hints = uniqueHints(entries);
    return entries.flatMap(({ id }) => {
      const svid = identities.current(id)?.svid;
      const hint = hints.get(id);
      return svid ? [{ svid, ...(hint === undefined ? {} : { hint }) }] : [];
    });
  };

  const whyPending = (entries: readonly RegistrationEntry[]): string => {
    const [first] = entries.flatMap(({ id, spiffeId }) => {
      const current = identities.state(id);
      return current && "reason" in current ? [`${spiffeId}: ${current.reason}`] : [];
    });
    return first ?? "the first certificate is under way";
  };

  return {
    name,
    entitlement() {
      if (known?.kind === "granted" && peer.isAlive()) return known;
      known = find();
      return known;
    },
    subscribe(follower) {
      const own = (): void => follower();
      followers.add(own);
      return () => {
        followers.delete(own);
      };
    },
    async createJwtSvids({ audiences, spiffeId }) {
      const all = await matcher.matchAll(() => {
        if (state.current) return state.current;
        throw productError("ERR_CA_CALL_RETRYABLE", "the control plane has not been reached yet");
      });
      if (released || !peer.isAlive()) throw productError("ERR_WORKLOAD_NOT_ENTITLED", `${name} has gone`);
      const entries = spiffeId ? all.filter((entry) => entry.spiffeId.equals(spiffeId)) : all;
      if (all.length === 0) throw productError("ERR_WORKLOAD_NOT_ENTITLED", noEntry(name, matcher));
      if (entries.length === 0)
        throw productError("ERR_WORKLOAD_NOT_ENTITLED", `no registration entry gives ${name} the identity ${spiffeId}`);
      const hints = uniqueHints(all);
      return Promise.all(
        entries.map(async ({ id, revision }) => {
          const svid = await tokens.get(`entry ${id} ${revision}`, { caller: { entryId: id }, audiences });
          const hint = hints.get(id);
          return { ...svid, ...(hint === undefined ? {} : { hint }) };
        }),
      );
    },
    release() {
      released = true;
      known = undefined;
      unfollow();
      followers.clear();
      for (const release of holds.values()) release();
      holds.clear();
    },
  };
}

/** Its own trust domain's, and those that its entries federate with. */
function bundlesFor(node: NodeState, entries: readonly RegistrationEntry[]) {
  const domains = entries.flatMap(({ spiffeId, federatesWith }) => [spiffeId.trustDomain, ...federatesWith]);
  const names = new Set(domains.map((domain) => domain.name));
  if (node.bundles.bundles.every(({ trustDomain }) => names.has(trustDomain.name)))
    return { bundles: node.bundles, jwtBundles: node.jwtBundles };
  return {
    bundles: BundleSet.of(...node.bundles.bundles.filter(({ trustDomain }) => names.has(trustDomain.name))),
    jwtBundles: JwtBundleSet.of(...node.jwtBundles.bundles.filter(({ trustDomain }) => names.has(trustDomain.name))),
  };
}

function workloadName({ pid, uid }: WorkloadPeer, selectors: readonly Selector[]): string {
  const path = selectors.find(({ type, value }) => type === "unix" && value.startsWith("path:"))?.value.slice(5);
  return `process ${pid} (uid ${uid}${path === undefined ? "" : `, ${path}`})`;
}

function noEntry(name: string, { selectors, digestFailure }: EntryMatcher): string {
  const has = selectors.map(selectorText).join(", ") || "no selectors";
  const unknown = digestFailure === undefined ? "" : `; its unix:sha256 is not known: ${digestFailure}`;
  return `no registration entry is for ${name}: it has ${has}${unknown}`;
}
