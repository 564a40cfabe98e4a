import type { Clock, Log, Observable, Random, Timer } from "@symbolon/spiffe/core";
import { createCertificateSigningRequest, createKeyPair } from "@symbolon/spiffe/x509";
import { productError, type RegistrationEntry } from "../core/index.ts";
import { acceptCertificate } from "./accept-certificate.ts";
import { createIdentityRotation } from "./identity-rotation.ts";
import type { IdentityState, WorkloadIdentity } from "./identity-state.ts";
import type { NodeClient, NodeState } from "./ports.ts";

/** Certificates of registration entries, for as long as somebody wants them. */
export interface EntryIdentities {
  /**
   * Asks for the entry's certificate, and renews it until the answer is called and `LINGER_MS` have gone by.
   * `follower` is called after each change of `current`.
   */
  hold(entry: RegistrationEntry, follower: () => void): () => void;
  current(entryId: string): WorkloadIdentity | undefined;
  state(entryId: string): IdentityState | undefined;
  close(): Promise<void>;
}

/** A program that starts again, or fetches once a minute, finds its certificate there. */
export const LINGER_MS = 5 * 60_000;
/** Certificates that nobody wants any more; the one that was left first goes first. */
const MAX_IDLE = 1000;

interface Slot {
  entry: RegistrationEntry;
  readonly followers: Set<() => void>;
  order: Order;
  /** Served until the certificate of `order` is there: the entry has changed, and its SPIFFE ID has not. */
  predecessor: Order | undefined;
  idle: Timer | undefined;
}

/** One certificate and its renewals, under a key of the rotation. */
interface Order {
  readonly key: string;
  unfollow(): void;
}

export function createEntryIdentities(options: {
  readonly client: Pick<NodeClient, "createX509Svid">;
  readonly state: Observable<NodeState | undefined>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}): EntryIdentities {
  const { client, state, clock, random, log } = options;
  const slots = new Map<string, Slot>();
  /** By id, in the order in which they became idle. */
  const idle = new Map<string, Slot>();
  let keys = 0;

  const rotation = createIdentityRotation<RegistrationEntry>({
    request: requestEntryIdentity,
    logFields: ({ id, name }) => ({ entry: name, entryId: id }),
    clock,
    random,
    log,
  });
  const unfollowState = state.subscribe((next) => {
    if (next) useEntries(next.entries);
  });

  return {
    hold(entry, follower) {
      const slot = slots.get(entry.id) ?? open(entry);
      slot.idle?.cancel();
      slot.idle = undefined;
      idle.delete(entry.id);
      // A follower may hold twice: each hold is one of its own.
      const own = (): void => follower();
      slot.followers.add(own);
      return () => {
        if (slot.followers.delete(own) && slot.followers.size === 0 && slots.get(entry.id) === slot) leaveIdle(slot);
      };
    },
    current(entryId) {
      const slot = slots.get(entryId);
      return slot && served(slot);
    },
    state(entryId) {
      const slot = slots.get(entryId);
      return slot && rotation.state(slot.order.key);
    },
    async close() {
      unfollowState();
      for (const slot of [...slots.values()]) drop(slot);
      await rotation.close();
    },
  };

  function open(entry: RegistrationEntry): Slot {
    const slot: Slot = {
      entry,
      followers: new Set(),
      order: { key: "", unfollow() {} },
      predecessor: undefined,
      idle: undefined,
    };
    slots.set(entry.id, slot);
    slot.order = start(slot);
    return slot;
  }

  function start(slot: Slot): Order {
    const key = `${slot.entry.id} ${keys++}`;
    rotation.register(key, slot.entry);
    const unfollow = rotation.subscribe(key, () => {
      if (slot.predecessor && slot.order.key === key && rotation.current(key)) {
        end(slot.predecessor);
        slot.predecessor = undefined;
      }
      notify(slot);
    });
    return { key, unfollow };
  }

  function end(order: Order | undefined): void {
    if (!order) return;
    order.unfollow();
    rotation.unregister(order.key);
  }

  function served({ order, predecessor }: Slot): WorkloadIdentity | undefined {
    return rotation.current(order.key) ?? (predecessor && rotation.current(predecessor.key));
  }

  function leaveIdle(slot: Slot): void {
    const { id } = slot.entry;
    idle.set(id, slot);
    slot.idle = clock.setTimer(LINGER_MS, () => drop(slot));
    const [oldest] = idle.values();
    if (idle.size > MAX_IDLE && oldest) drop(oldest);
  }

  function drop(slot: Slot): void {
    const { id } = slot.entry;
    slot.idle?.cancel();
    idle.delete(id);
    if (slots.get(id) === slot) slots.delete(id);
    end(slot.order);
    end(slot.predecessor);
  }

  function useEntries(entries: readonly RegistrationEntry[]): void {
    const byId = new Map(entries.map((entry) => [entry.id, entry]));
    for (const slot of [...slots.values()]) {
      const entry = byId.get(slot.entry.id);
      if (!entry) {
        drop(slot);
        notify(slot);
      } else if (entry.revision !== slot.entry.revision) change(slot, entry);
    }
  }

  function change(slot: Slot, entry: RegistrationEntry): void {
    const before = slot.entry;
    slot.entry = entry;
    if (sameCertificate(before, entry)) return;
    const { order, predecessor } = slot;
    const kept = predecessor && !rotation.current(order.key) ? predecessor : order;
    if (kept === order) end(predecessor);
    else end(order);
    slot.predecessor = before.spiffeId.equals(entry.spiffeId) ? kept : undefined;
    slot.order = start(slot);
    if (!slot.predecessor) end(kept);
    notify(slot);
  }

  function notify({ followers }: Slot): void {
    for (const follower of [...followers]) follower();
  }

  async function requestEntryIdentity(
    { id, spiffeId }: RegistrationEntry,
    _current: WorkloadIdentity | undefined,
    signal: AbortSignal,
  ): Promise<WorkloadIdentity> {
    const keyPair = createKeyPair("ec-p256");
    const csr = createCertificateSigningRequest({ keyPair, spiffeId });
    const chain = await client.createX509Svid({ entryId: id, csr: csr.der }, signal);
    return acceptCertificate(
      { chain: Buffer.concat(chain), bundle: ownBundle },
      { spiffeId, keyPair, now: clock.now() },
    );

    function ownBundle() {
      const bundles = state.current?.bundles;
      // INVARIANT: entries come with the bundles of their trust domain.
      if (!bundles) throw productError("ERR_INTERNAL_BUG", "a certificate was asked for before the CA told its bundle");
      return bundles.require(spiffeId.trustDomain);
    }
  }
}

/** All that the CA reads of an entry for a certificate. */
function sameCertificate(a: RegistrationEntry, b: RegistrationEntry): boolean {
  return (
    a.spiffeId.equals(b.spiffeId) &&
    a.x509LifetimeSeconds === b.x509LifetimeSeconds &&
    a.dnsNames.join() === b.dnsNames.join()
  );
}
