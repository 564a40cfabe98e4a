import {
  type Clock,
  errorText,
  isSymbolonError,
  type Log,
  type Random,
  sleep,
  type Timer,
} from "@symbolon/spiffe/core";
import { type IdentityState, servedIdentity, type WorkloadIdentity } from "./identity-state.ts";
import type { RegisteredWorkload } from "./ports.ts";
import { type RequestIdentityPorts, requestIdentity } from "./request-identity.ts";
import { renewalDelayMs, retryDelayMs } from "./rotation-schedule.ts";

export interface IdentityManagerPorts extends RequestIdentityPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Owns the identity of every registered pod: asks, renews, retries, withdraws. */
export interface IdentityManager {
  /** Starts asking for the pod's identity; repeated for the same pod it changes nothing. */
  register(workload: RegisteredWorkload): void;
  /** Drops the identity at once: followers hear of it, and no reference to the key is kept. */
  unregister(podUid: string): void;
  current(podUid: string): WorkloadIdentity | undefined;
  state(podUid: string): IdentityState | undefined;
  /** Calls back after each change of `current(podUid)`. */
  subscribe(podUid: string, follower: () => void): () => void;
  /** Ends every renewal; identities are dropped. May be called twice. */
  close(): Promise<void>;
}

interface Entry {
  readonly workload: RegisteredWorkload;
  readonly ending: AbortController;
  readonly life: Promise<void>;
  state: IdentityState;
  expiry: Timer | undefined;
}

/** Share of the life that is left between the renewal point and expiry; half of it used up is worth an alarm (RR-06). */
const ALARM_BELOW_REMAINING_SHARE = 0.125;

export function createIdentityManager(ports: IdentityManagerPorts): IdentityManager {
  const { clock, random, log } = ports;
  const entries = new Map<string, Entry>();
  const followers = new Map<string, Set<() => void>>();

  const notify = (podUid: string): void => {
    for (const follower of [...(followers.get(podUid) ?? [])]) follower();
  };

  const enter = (entry: Entry, state: IdentityState): void => {
    const before = servedIdentity(entry.state);
    entry.state = state;
    if (servedIdentity(state) !== before) notify(entry.workload.podUid);
  };

  return {
    register(workload) {
      if (entries.has(workload.podUid)) return;
      const ending = new AbortController();
      const entry: { -readonly [K in keyof Entry]: Entry[K] } = {
        workload,
        ending,
        life: Promise.resolve(),
        state: { kind: "requesting" },
        expiry: undefined,
      };
      entries.set(workload.podUid, entry);
      entry.life = live(entry);
    },
    unregister,
    current(podUid) {
      const entry = entries.get(podUid);
      return entry && servedIdentity(entry.state);
    },
    state: (podUid) => entries.get(podUid)?.state,
    subscribe(podUid, follower) {
      const set = followers.get(podUid) ?? new Set();
      followers.set(podUid, set.add(follower));
      return () => {
        set.delete(follower);
        if (set.size === 0 && followers.get(podUid) === set) followers.delete(podUid);
      };
    },
    async close() {
      const lives = [...entries.values()].map((entry) => entry.life);
      for (const podUid of [...entries.keys()]) unregister(podUid);
      await Promise.all(lives);
    },
  };

  function unregister(podUid: string): void {
    const entry = entries.get(podUid);
    if (!entry) return;
    entries.delete(podUid);
    entry.ending.abort();
    entry.expiry?.cancel();
    const served = servedIdentity(entry.state);
    entry.state = { kind: "expired", since: clock.now(), reason: "the pod is gone" };
    if (served) notify(podUid);
  }

  async function live(entry: Entry): Promise<void> {
    const { signal } = entry.ending;
    let attempts = 0;
    let failingSince: Date | undefined;
    while (!signal.aborted) {
      try {
        const identity = await requestIdentity(entry.workload, servedIdentity(entry.state)?.svid, ports, signal);
        if (signal.aborted) return;
        attempts = 0;
        failingSince = undefined;
        await sleep(clock, accept(entry, identity), signal);
        if (!signal.aborted) startRenewal(entry);
      } catch (error) {
        if (signal.aborted) return;
        failingSince ??= clock.now();
        const delayMs = retryDelayMs(attempts++, remainingShare(entry), random);
        fail(entry, error, failingSince, attempts, delayMs);
        await sleep(clock, delayMs, signal);
      }
    }
  }

  /** @returns time until the renewal, in ms */
  function accept(entry: Entry, identity: WorkloadIdentity): number {
    const receivedAt = clock.now();
    const { svid } = identity;
    const delayMs = renewalDelayMs({ receivedAt, notAfter: svid.notAfter }, random);
    const renewAt = new Date(receivedAt.getTime() + delayMs);
    enter(entry, { kind: "available", identity, receivedAt, renewAt });
    entry.expiry?.cancel();
    entry.expiry = clock.setTimer(svid.notAfter.getTime() - receivedAt.getTime(), () => expire(entry, identity));
    log.info("certificate received", {
      spiffeId: svid.spiffeId.toString(),
      pod: entry.workload.podUid,
      serialNumber: svid.leaf.serialNumberHex,
      notAfter: svid.notAfter.toISOString(),
      renewAt: renewAt.toISOString(),
    });
    return delayMs;
  }

  function startRenewal(entry: Entry): void {
    if (entry.state.kind !== "available") return;
    const { identity, receivedAt } = entry.state;
    enter(entry, { kind: "renewing", identity, receivedAt });
  }

  function fail(entry: Entry, error: unknown, since: Date, attempts: number, delayMs: number): void {
    const identity = servedIdentity(entry.state);
    const reason = errorText(error);
    const fields = {
      pod: entry.workload.podUid,
      serviceAccount: `${entry.workload.namespace}/${entry.workload.serviceAccount}`,
      attempts,
      delayMs: Math.round(delayMs),
      reason,
      ...(isSymbolonError(error) ? { code: error.code } : {}),
    };
    const remaining = remainingShare(entry);
    if (identity && remaining !== undefined && remaining < ALARM_BELOW_REMAINING_SHARE)
      log.error("certificate is about to expire and cannot be renewed", {
        ...fields,
        notAfter: identity.svid.notAfter.toISOString(),
      });
    else log.warn("certificate request failed", fields);
    if (entry.state.kind === "expired") return enter(entry, { ...entry.state, reason });
    const nextAttemptAt = new Date(clock.now().getTime() + delayMs);
    const receivedAt = "receivedAt" in entry.state ? entry.state.receivedAt : undefined;
    enter(entry, {
      kind: "retrying",
      since,
      attempts,
      nextAttemptAt,
      reason,
      ...(identity ? { identity } : {}),
      ...(receivedAt ? { receivedAt } : {}),
    });
  }

  /** The old certificate served until its own end, and not a moment longer. */
  function expire(entry: Entry, identity: WorkloadIdentity): void {
    if (servedIdentity(entry.state) !== identity) return;
    const reason = entry.state.kind === "retrying" ? entry.state.reason : "it was not renewed in time";
    log.error("certificate expired and is withdrawn", {
      spiffeId: identity.svid.spiffeId.toString(),
      pod: entry.workload.podUid,
      serialNumber: identity.svid.leaf.serialNumberHex,
      notAfter: identity.svid.notAfter.toISOString(),
      reason,
    });
    enter(entry, { kind: "expired", since: clock.now(), reason });
  }

  function remainingShare(entry: Entry): number | undefined {
    const identity = servedIdentity(entry.state);
    const receivedAt = "receivedAt" in entry.state ? entry.state.receivedAt : undefined;
    if (!identity || !receivedAt) return undefined;
    const end = identity.svid.notAfter.getTime();
    return (end - clock.now().getTime()) / Math.max(1, end - receivedAt.getTime());
  }
}
