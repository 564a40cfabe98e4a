import { type Clock, holdProcess, type SymbolonError, spiffeError } from "../core/index.ts";
import type { WaitOptions } from "./x509-source.ts";

export interface SourceStateOptions<T> {
  readonly clock: Clock;
  /** For messages: "identity", "JWT bundles". */
  readonly what: string;
  /** Whether a value says nothing new: an agent that was started again sends what was there before. */
  readonly isSame: (a: T, b: T) => boolean;
  /** Runs once, when the source is closed. */
  readonly onClose?: (() => void | Promise<void>) | undefined;
  /** What a follower threw. Without it, the runtime reports it as an unhandled rejection: a bug of the program's, told loudly. */
  readonly onFollowerError?: (error: unknown) => void;
}

/** A value that is replaced as a whole, and those who wait for it or follow it. */
export interface SourceState<T> {
  current(): T | undefined;
  /** @throws ERR_SOURCE_NO_IDENTITY, ERR_SOURCE_CLOSED */
  inForce(): T;
  subscribe(follower: (value: T | undefined) => void): () => void;
  /** @throws ERR_SOURCE_TIMEOUT, ERR_SOURCE_CLOSED, what `fail` was given, or the signal's reason */
  ready(options?: WaitOptions): Promise<T>;
  close(): Promise<void>;
  set(value: T | undefined): void;
  /** What a wait that ends too late names as its cause. */
  noteProblem(problem: SymbolonError): void;
  /** Nothing new will come: waits end with `error`; what is in force stays. */
  fail(error: unknown): void;
}

export function createSourceState<T>(options: SourceStateOptions<T>): SourceState<T> {
  const { clock, what, isSame, onClose, onFollowerError = (error) => void Promise.reject(error) } = options;
  let current: T | undefined;
  let failure: { readonly error: unknown } | undefined;
  let lastProblem: SymbolonError | undefined;
  let closing: Promise<void> | undefined;
  const followers = new Set<(value: T | undefined) => void>();
  const waiters = new Set<() => void>();

  const wakeWaiters = (): void => {
    for (const wake of [...waiters]) wake();
  };
  const replace = (value: T | undefined): void => {
    current = value;
    for (const follower of [...followers]) {
      // One that fails must stop neither the others nor the next rotation.
      try {
        follower(value);
      } catch (error) {
        onFollowerError(error);
      }
    }
    wakeWaiters();
  };
  const inForce = (): T => {
    if (closing) throw spiffeError("ERR_SOURCE_CLOSED", `the source of the ${what} is closed`);
    if (current !== undefined) return current;
    const why = lastProblem?.message ?? "nothing has come from the Workload API yet";
    throw spiffeError("ERR_SOURCE_NO_IDENTITY", `no ${what} in force: ${why}`, causedBy(lastProblem));
  };

  return {
    current: () => current,
    inForce,
    subscribe(follower) {
      // A function of its own, so that the same one given twice is called twice and stopped one at a time.
      const own = (value: T | undefined): void => follower(value);
      followers.add(own);
      return () => followers.delete(own);
    },
    async ready(waitOptions = {}) {
      const settled = () => closing !== undefined || failure !== undefined || current !== undefined;
      const isInTime = await waitUntil(settled, waiters, clock, waitOptions);
      if (failure && !closing && current === undefined) throw failure.error;
      if (isInTime) return inForce();
      const why = lastProblem ? `: ${lastProblem.message}` : "";
      const message = `no ${what} from the Workload API within ${waitOptions.timeoutMs} ms${why}`;
      throw spiffeError("ERR_SOURCE_TIMEOUT", message, causedBy(lastProblem));
    },
    close() {
      closing ??= (async () => {
        if (current !== undefined) replace(undefined);
        followers.clear();
        await onClose?.();
      })();
      wakeWaiters();
      return closing;
    },
    set(value) {
      const isNews = value === undefined || current === undefined ? value !== current : !isSame(current, value);
      if (closing) return;
      if (value !== undefined) lastProblem = undefined;
      if (isNews) replace(value);
    },
    noteProblem(problem) {
      lastProblem = problem;
    },
    fail(error) {
      failure = { error };
      wakeWaiters();
    },
  };
}

/** @returns whether `settled` came true in time. @throws the signal's reason */
async function waitUntil(
  settled: () => boolean,
  waiters: Set<() => void>,
  clock: Clock,
  { signal, timeoutMs }: WaitOptions,
): Promise<boolean> {
  signal?.throwIfAborted();
  if (settled()) return true;
  // Whoever waits wants the process to go on.
  const release = holdProcess(clock);
  let isLate = false;
  let wake = (): void => {};
  const notify = (): void => wake();
  const giveUp = (): void => {
    isLate = true;
    wake();
  };
  const timer = timeoutMs === undefined ? undefined : clock.setTimer(timeoutMs, giveUp);
  waiters.add(notify);
  signal?.addEventListener("abort", notify, { once: true });
  try {
    while (!settled() && !isLate && !signal?.aborted) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    signal?.throwIfAborted();
    return settled();
  } finally {
    release();
    timer?.cancel();
    waiters.delete(notify);
    signal?.removeEventListener("abort", notify);
  }
}

function causedBy(cause: SymbolonError | undefined): { readonly cause?: unknown } {
  return cause ? { cause } : {};
}
