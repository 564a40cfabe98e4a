import { type Clock, errorText, type Log, type Random, type Timer } from "@symbolon/spiffe/core";
import { type ProviderKeySet, parseProviderKeySet } from "@symbolon/spiffe/jwt";
import { productError } from "../core/index.ts";
import { discoveryUrlOf } from "../mesh/index.ts";
import { encodeRecord } from "./persisted-state.ts";
import type { KeySetFetcher, MeshStateStore } from "./ports.ts";

/** istio-security §2.7, SR-47; milliseconds. */
export const KEY_SET_TIMES = {
  refresh: 20 * 60_000,
  /** Share of the refresh by which it comes earlier or later. */
  jitter: 0.1,
  /** First pause after a failure, doubled up to the second number: with keys that this run has fetched, and without. */
  retryWithKeys: [60_000, 60 * 60_000],
  retryWithoutKeys: [1000, 15_000],
  /** Keys that nobody could confirm for so long are used no more. */
  maxAge: 24 * 3600_000,
  /** Between two fetches because of a key that nobody knows. */
  unknownKeyCoolDown: 60_000,
} as const;

export interface WantedKeySet {
  /** `keySourceOf` of a rule. */
  readonly source: string;
  readonly timeoutMs: number;
}

export interface KeySetStatus {
  readonly source: string;
  /** RFC 3339; absent: there are no keys. */
  readonly fetchedAt?: string;
  readonly ageSeconds?: number;
  /** Of the last attempt; absent: it was good, or there was none yet. */
  readonly problem?: string;
  /** The set of `fetchedAt` has no key that is used; `problem` says why. */
  readonly isRefused?: true;
}

/** JWK sets of identity providers: fetched once for the whole mesh, kept across restarts. */
export interface KeySets {
  /** The sources that rules name now; others are forgotten. A new one is fetched at once. */
  want(wanted: readonly WantedKeySet[]): void;
  /** JSON text of the set, as far as there is one that is not too old. */
  current(source: string): string | undefined;
  /** A proxy has seen a token with a key that the set does not have. */
  keyUnknown(source: string): void;
  status(source: string): KeySetStatus | undefined;
  close(): void;
}

/** What is stored of a set. */
export interface StoredKeySet {
  readonly jwks: string;
  /** Unix milliseconds. */
  readonly fetchedMs: number;
}

interface Entry {
  readonly source: string;
  timeoutMs: number;
  stored: StoredKeySet | undefined;
  /** By a fetch of this run: when a mesh starts, an issuer in it is not ready yet, and will be in seconds. */
  confirmed: boolean;
  failures: number;
  /** Why the last attempt failed. */
  failure: string | undefined;
  /** Why no key of what is stored is used. */
  refusal: string | undefined;
  running: boolean;
  lastUnknownMs: number;
  readonly timers: { fetch?: Timer; unknown?: Timer; expiry?: Timer };
}

export function createKeySets(options: {
  readonly persisted: ReadonlyMap<string, StoredKeySet>;
  readonly store: MeshStateStore;
  readonly fetcher: KeySetFetcher;
  /** A set has changed, has come or is gone. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}): KeySets {
  const { store, fetcher, onChange, clock, random, log } = options;
  const entries = new Map<string, Entry>();
  let remembered = options.persisted;
  let closed = false;
  const nowMs = (): number => clock.now().getTime();
  /** A set from the future is one of a clock that was wrong: its age says nothing. */
  const isFresh = ({ fetchedMs }: StoredKeySet): boolean => {
    const age = nowMs() - fetchedMs;
    return age < KEY_SET_TIMES.maxAge && age > -KEY_SET_TIMES.maxAge;
  };

  const schedule = (entry: Entry, delayMs: number): void => {
    entry.timers.fetch?.cancel();
    entry.timers.fetch = clock.setTimer(delayMs, () => void attempt(entry));
  };

  const attempt = async (entry: Entry): Promise<void> => {
    if (entry.running || closed || entries.get(entry.source) !== entry) return;
    entry.running = true;
    try {
      const loaded = await load(entry, fetcher);
      if (entries.get(entry.source) !== entry || closed) return;
      await accept(entry, loaded);
      const spread = 1 + KEY_SET_TIMES.jitter * (2 * random.fraction() - 1);
      schedule(entry, KEY_SET_TIMES.refresh * spread);
    } catch (error) {
      if (entries.get(entry.source) !== entry || closed) return;
      entry.failure = errorText(error);
      log.warn("key set not fetched", { source: entry.source, reason: entry.failure, failures: entry.failures });
      const [first, most] =
        entry.stored && entry.confirmed ? KEY_SET_TIMES.retryWithKeys : KEY_SET_TIMES.retryWithoutKeys;
      schedule(entry, Math.min(most, first * 2 ** Math.min(entry.failures, 30)));
      entry.failures++;
    } finally {
      entry.running = false;
    }
  };

  const accept = async (entry: Entry, { jwks, refusal }: LoadedKeySet): Promise<void> => {
    const isNew = entry.stored?.jwks !== jwks;
    entry.failures = 0;
    entry.failure = undefined;
    entry.refusal = refusal;
    if (refusal !== undefined) log.error("no key of a set is used", { source: entry.source, reason: refusal });
    entry.stored = { jwks, fetchedMs: nowMs() };
    entry.confirmed = true;
    expireLater(entry);
    if (isNew) onChange();
    // A set that is not on the disk is still good for this run.
    await store
      .write({ put: [encodeRecord("key-set", entry.source, entry.stored)], remove: [] })
      .catch((error: unknown) => log.error("key set not stored", { source: entry.source, reason: errorText(error) }));
  };

  const expireLater = (entry: Entry): void => {
    entry.timers.expiry?.cancel();
    if (!entry.stored) return;
    const leftMs = Math.max(0, entry.stored.fetchedMs + KEY_SET_TIMES.maxAge - nowMs());
    entry.timers.expiry = clock.setTimer(leftMs, () => {
      log.error("keys are too old and not used any more", { source: entry.source });
      entry.stored = undefined;
      entry.refusal = undefined;
      schedule(entry, 0);
      onChange();
    });
  };

  const add = ({ source, timeoutMs }: WantedKeySet): void => {
    const known = remembered.get(source);
    const stored = known && isFresh(known) ? known : undefined;
    const entry: Entry = {
      source,
      timeoutMs,
      stored,
      confirmed: false,
      failures: 0,
      failure: undefined,
      refusal: stored && whyNoKeyIsUsed(source, parseProviderKeySet(stored.jwks)),
      running: false,
      lastUnknownMs: Number.NEGATIVE_INFINITY,
      timers: {},
    };
    entries.set(source, entry);
    expireLater(entry);
    schedule(entry, 0);
  };

  const stop = ({ timers }: Entry): void => {
    for (const timer of Object.values(timers)) timer.cancel();
  };

  return {
    want(wanted) {
      const sources = new Set(wanted.map(({ source }) => source));
      const gone = [...new Set([...entries.keys(), ...remembered.keys()])].filter((source) => !sources.has(source));
      for (const source of gone) {
        const entry = entries.get(source);
        if (entry) stop(entry);
        entries.delete(source);
      }
      for (const each of wanted) {
        const entry = entries.get(each.source);
        if (entry) entry.timeoutMs = each.timeoutMs;
        else add(each);
      }
      remembered = new Map();
      if (gone.length === 0) return;
      store
        .write({ put: [], remove: gone.map((key) => ({ kind: "key-set", key })) })
        .catch((error: unknown) => log.error("old key sets not removed", { reason: errorText(error) }));
    },
    current: (source) => entries.get(source)?.stored?.jwks,
    keyUnknown(source) {
      const entry = entries.get(source);
      if (!entry || entry.timers.unknown) return;
      const waitMs = Math.max(0, entry.lastUnknownMs + KEY_SET_TIMES.unknownKeyCoolDown - nowMs());
      entry.timers.unknown = clock.setTimer(waitMs, () => {
        delete entry.timers.unknown;
        entry.lastUnknownMs = nowMs();
        void attempt(entry);
      });
    },
    status(source) {
      const entry = entries.get(source);
      if (!entry) return undefined;
      const { stored, failure, refusal } = entry;
      const problems = [refusal, failure].filter((problem) => problem !== undefined);
      return {
        source,
        ...(stored
          ? {
              fetchedAt: new Date(stored.fetchedMs).toISOString(),
              ageSeconds: Math.max(0, Math.round((nowMs() - stored.fetchedMs) / 1000)),
            }
          : {}),
        ...(problems.length === 0 ? {} : { problem: problems.join("; and now ") }),
        ...(refusal === undefined ? {} : { isRefused: true }),
      };
    },
    close() {
      closed = true;
      for (const entry of entries.values()) stop(entry);
    },
  };
}

interface LoadedKeySet {
  readonly jwks: string;
  /** Why none of its keys is used. */
  readonly refusal: string | undefined;
}

/** @throws ERR_JWKS_FETCH, ERR_JWKS_INVALID, ERR_JWKS_ADDRESS_FORBIDDEN */
async function load({ source, timeoutMs }: Entry, fetcher: KeySetFetcher): Promise<LoadedKeySet> {
  const discovery = discoveryUrlOf(source);
  const url = discovery === undefined ? source : keySetUrl(await fetcher.fetch({ url: discovery, timeoutMs }), source);
  const text = await fetcher.fetch({ url, timeoutMs });
  const set = parseProviderKeySet(text);
  // A set without a usable key says that none is good any more, those of the last one neither; whatever is no set says nothing.
  if (set.kind === "ready" || set.kind === "no_valid_keys") return { jwks: text, refusal: whyNoKeyIsUsed(url, set) };
  throw productError("ERR_JWKS_INVALID", `what ${url} answers is no JWK set: ${WHAT_IS_WRONG[set.kind]}`);
}

function whyNoKeyIsUsed(from: string, set: ProviderKeySet): string | undefined {
  if (set.kind !== "no_valid_keys") return undefined;
  const [first] = set.leftOut;
  return first ? `no key that ${from} answers can be used: ${first.reason}` : `the set that ${from} answers has no key`;
}

const WHAT_IS_WRONG = {
  not_json: "no JSON object",
  no_keys: 'it has no "keys"',
  keys_not_list: '"keys" is no array',
} as const;

/** OpenID Connect Discovery 1.0 §3, §4.3: the document is the issuer's own, to the letter. */
function keySetUrl(text: string, source: string): string {
  const issuer = source.slice(source.indexOf(":") + 1);
  const wrong = (what: string) =>
    productError("ERR_JWKS_INVALID", `the configuration document of issuer ${issuer} ${what}`);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw wrong("is no JSON");
  }
  if (typeof document !== "object" || document === null) throw wrong("is no JSON object");
  const { issuer: said, jwks_uri: uri } = document as { readonly issuer?: unknown; readonly jwks_uri?: unknown };
  if (said !== issuer) {
    const named = typeof said === "string" ? JSON.stringify(said.slice(0, 200)) : "nobody";
    throw wrong(`names ${named} as issuer: a rule's issuer has to be that, to the letter`);
  }
  if (typeof uri !== "string") throw wrong('has no "jwks_uri"');
  return uri;
}
