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
import { renewalDelayMs, retryDelayMs } from "./rotation-schedule.ts";

export interface IdentityRotationOptions<Subject> {
  /** One try, with a key pair of its own; `current` is the identity that is served meanwhile. */
  readonly request: (
    subject: Subject,
    current: WorkloadIdentity | undefined,
    signal: AbortSignal,
  ) => Promise<WorkloadIdentity>;
  /** How log lines name whose identity it is. */
  readonly logFields: (subject: Subject) => Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Owns the identities of whatever subjects, each under a key: asks, renews, retries, withdraws. */
export interface IdentityRotation<Subject> {
  /** Starts asking for the subject's identity; repeated for the same key it changes nothing. */
  register(key: string, subject: Subject): void;
  /** Drops the identity at once: followers hear of it, and no reference to the private key is kept. */
  unregister(key: string): void;
  current(key: string): WorkloadIdentity | undefined;
  state(key: string): IdentityState | undefined;
  /** Calls back after each change of `current(key)`. */
  subscribe(key: string, follower: () => void): () => void;
  /** Ends every renewal; identities are dropped. May be called twice. */
  close(): Promise<void>;
}

interface Entry<Subject> {
  readonly key: string;
  readonly subject: Subject;
  readonly ending: AbortController;
  readonly life: Promise<void>;
  state: IdentityState;
  expiry: Timer | undefined;
}

/** Share of the life that is left between the renewal point and expiry; half of it used up is worth an alarm (RR-06). */
const ALARM_BELOW_REMAINING_SHARE = 0.125;

export function createIdentityRotation<Subject>(options: IdentityRotationOptions<Subject>): IdentityRotation<Subject> {
  const { request, logFields, clock, random, log } = options;
  const entries = new Map<string, Entry<Subject>>();
  const followers = new Map<string, Set<() => void>>();

  const notify = (key: string): void => {
    for (const follower of [...(followers.get(key) ?? [])]) follower();
  };

  const enter = (entry: Entry<Subject>, state: IdentityState): void => {
    const before = servedIdentity(entry.state);
    entry.state = state;
    if (servedIdentity(state) !== before) notify(entry.key);
  };

  return {
    register(key, subject) {
      if (entries.has(key)) return;
      const ending = new AbortController();
      const entry: { -readonly [K in keyof Entry<Subject>]: Entry<Subject>[K] } = {
        key,
        subject,
        ending,
        life: Promise.resolve(),
        state: { kind: "requesting" },
        expiry: undefined,
      };
      entries.set(key, entry);
      entry.life = live(entry);
    },
    unregister,
    current(key) {
      const entry = entries.get(key);
      return entry && servedIdentity(entry.state);
    },
    state: (key) => entries.get(key)?.state,
    subscribe(key, follower) {
      const set = followers.get(key) ?? new Set();
      followers.set(key, set.add(follower));
      return () => {
        set.delete(follower);
        if (set.size === 0 && followers.get(key) === set) followers.delete(key);
      };
    },
    async close() {
      const lives = [...entries.values()].map((entry) => entry.life);
      for (const key of [...entries.keys()]) unregister(key);
      await Promise.all(lives);
    },
  };

  function unregister(key: string): void {
    const entry = entries.get(key);
    if (!entry) return;
    entries.delete(key);
    entry.ending.abort();
    entry.expiry?.cancel();
    const served = servedIdentity(entry.state);
    entry.state = { kind: "expired", since: clock.now(), reason: "it is not asked for any more" };
    if (served) notify(key);
  }

  async function live(entry: Entry<Subject>): Promise<void> {
    const { signal } = entry.ending;
    let attempts = 0;
    let failingSince: Date | undefined;
    while (!signal.aborted) {
      try {
        const identity = await request(entry.subject, servedIdentity(entry.state), signal);
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
  function accept(entry: Entry<Subject>, identity: WorkloadIdentity): number {
    const receivedAt = clock.now();
    const { svid } = identity;
    const delayMs = renewalDelayMs({ receivedAt, notAfter: svid.notAfter }, random);
    const renewAt = new Date(receivedAt.getTime() + delayMs);
    enter(entry, { kind: "available", identity, receivedAt, renewAt });
    entry.expiry?.cancel();
    entry.expiry = clock.setTimer(svid.notAfter.getTime() - receivedAt.getTime(), () => expire(entry, identity));
    log.info("certificate received", {
      spiffeId: svid.spiffeId.toString(),
      ...logFields(entry.subject),
      serialNumber: svid.leaf.serialNumberHex,
      notAfter: svid.notAfter.toISOString(),
      renewAt: renewAt.toISOString(),
    });
    return delayMs;
  }

  function startRenewal(entry: Entry<Subject>): void {
    if (entry.state.kind !== "available") return;
    const { identity, receivedAt } = entry.state;
    enter(entry, { kind: "renewing", identity, receivedAt });
  }

  function fail(entry: Entry<Subject>, error: unknown, since: Date, attempts: number, delayMs: number): void {
    const identity = servedIdentity(entry.state);
    const reason = errorText(error);
    const fields = {
      ...logFields(entry.subject),
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
  function expire(entry: Entry<Subject>, identity: WorkloadIdentity): void {
    if (servedIdentity(entry.state) !== identity) return;
    const reason = entry.state.kind === "retrying" ? entry.state.reason : "it was not renewed in time";
    log.error("certificate expired and is withdrawn", {
      spiffeId: identity.svid.spiffeId.toString(),
      ...logFields(entry.subject),
      serialNumber: identity.svid.leaf.serialNumberHex,
      notAfter: identity.svid.notAfter.toISOString(),
      reason,
    });
    enter(entry, { kind: "expired", since: clock.now(), reason });
  }

  function remainingShare(entry: Entry<Subject>): number | undefined {
    const identity = servedIdentity(entry.state);
    const receivedAt = "receivedAt" in entry.state ? entry.state.receivedAt : undefined;
    if (!identity || !receivedAt) return undefined;
    const end = identity.svid.notAfter.getTime();
    return (end - clock.now().getTime()) / Math.max(1, end - receivedAt.getTime());
  }
}
