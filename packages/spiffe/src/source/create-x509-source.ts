import { type Clock, errorText, isSymbolonError, spiffeError, systemClock, type Timer } from "../core/index.ts";
import type { X509Svid } from "../svid/index.ts";
import {
  createWorkloadApiClient,
  type HintedX509Svid,
  type StreamProblem,
  type WorkloadApiClient,
  type WorkloadApiClientOptions,
  type X509Context,
} from "../workload-api/index.ts";
import { callBack } from "./call-back.ts";
import type { WaitOptions, X509Source } from "./x509-source.ts";
import { createX509SourceFeed } from "./x509-source-feed.ts";

export interface X509SourceOptions extends WorkloadApiClientOptions {
  /** A client that others use too; the source does not close it. Without it, the source has its own. */
  readonly client?: WorkloadApiClient;
  /** Takes the identity with this hint for the default one. */
  readonly hint?: string;
  /** Chooses the default identity; undefined = none fits, and what was in force before stays. */
  readonly picker?: (svids: readonly HintedX509Svid[]) => X509Svid | undefined;
  /**
   * Milliseconds for which an identity that the agent has withdrawn is used further (spiffe.md C5); 30,000 without it,
   * Infinity = as long as it is valid.
   */
  readonly denialGraceMs?: number;
  /** Keeps the process alive as long as the source is open; without it, only waiting for `ready` does. */
  readonly keepAlive?: boolean;
  /** Hears of everything that keeps the source from being up to date. */
  readonly onProblem?: (problem: StreamProblem) => void;
}

const DEFAULT_DENIAL_GRACE_MS = 30_000;

/**
 * A source that follows the Workload API, as soon as its first update is there (spiffe.md C8).
 * @throws as `X509Source.ready`, and ERR_WORKLOAD_API_ADDRESS_*; the source is closed then
 */
export async function createX509Source(options: X509SourceOptions & WaitOptions = {}): Promise<X509Source> {
  const { signal, timeoutMs } = options;
  const source = startX509Source(options);
  try {
    await source.ready({ ...(signal ? { signal } : {}), ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    return source;
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** The same without waiting: `current()` is undefined until the first update. @throws ERR_WORKLOAD_API_ADDRESS_* */
export function startX509Source(options: X509SourceOptions = {}): X509Source {
  const { clock = systemClock, denialGraceMs = DEFAULT_DENIAL_GRACE_MS, keepAlive = false, onProblem } = options;
  const client = options.client ?? createWorkloadApiClient(options);
  const stop = new AbortController();
  const denial = createDenialGrace(clock, denialGraceMs, keepAlive, () => feed.set(undefined));
  const feed = createX509SourceFeed({
    clock,
    async onClose() {
      stop.abort();
      denial.cancel();
      if (!options.client) await client.close();
    },
  });

  const hear = (problem: StreamProblem): void => {
    feed.noteProblem(problem.error);
    if (problem.error.code === "ERR_WORKLOAD_API_NO_IDENTITY") denial.begin();
    callBack(() => onProblem?.(problem));
  };
  const take = (context: X509Context): void => {
    denial.cancel();
    try {
      feed.set(withPicked(context, options));
    } catch (error) {
      if (!isSymbolonError(error)) throw error;
      hear({ error, outcome: "discarded", delayMs: 0 });
    }
  };
  const follow = async (): Promise<void> => {
    const watch = client.watchX509Context({ signal: stop.signal, background: !keepAlive, onProblem: hear });
    for await (const context of watch) take(context);
  };
  follow().catch((error: unknown) => {
    if (!stop.signal.aborted) feed.fail(error);
  });
  return feed.source;
}

/** @throws ERR_SOURCE_NO_IDENTITY */
function withPicked(context: X509Context, { hint, picker }: X509SourceOptions): X509Context {
  if (hint === undefined && !picker) return context;
  const candidates = hint === undefined ? context.svids : context.svids.filter((identity) => identity.hint === hint);
  const svid = picker ? picked(picker, candidates) : candidates[0]?.svid;
  if (svid) return { ...context, svid };
  const found = context.svids.map((identity) => `"${identity.svid.spiffeId.toString()}" (hint "${identity.hint}")`);
  const wanted = hint === undefined ? "none is the one that the picker wants" : `none has the hint "${hint}"`;
  throw spiffeError("ERR_SOURCE_NO_IDENTITY", `of the identities ${found.join(", ")} ${wanted}`);
}

/** A picker that fails must not end the watch: the next update may bring what it can choose from. */
function picked(picker: NonNullable<X509SourceOptions["picker"]>, candidates: readonly HintedX509Svid[]) {
  try {
    return picker(candidates);
  } catch (cause) {
    throw spiffeError("ERR_SOURCE_NO_IDENTITY", `the picker threw: ${errorText(cause)}`, { cause });
  }
}

/** C5: an agent that is being updated may know nobody for a moment. */
function createDenialGrace(clock: Clock, graceMs: number, keepAlive: boolean, onOver: () => void) {
  let timer: Timer | undefined;
  return {
    begin(): void {
      if (timer || graceMs === Number.POSITIVE_INFINITY) return;
      timer = clock.setTimer(graceMs, onOver);
      if (!keepAlive) timer.unref?.();
    },
    cancel(): void {
      timer?.cancel();
      timer = undefined;
    },
  };
}
