import { type CancelSignal, runtime, unrefTimer } from "./runtime-globals.ts";

/** A timer that has been set; cancelling twice is allowed. */
export interface Timer {
  cancel(): void;
  /** Lets the process end while this timer is pending. A clock that is not the runtime's has no use for it. */
  unref?(): void;
}

/**
 * Time as an argument. `now` is wall time and is compared with certificates only;
 * durations are measured with `monotonicMs`, so that a clock step never makes a timer negative.
 */
export interface Clock {
  now(): Date;
  monotonicMs(): number;
  /** Runs `callback` once after `delayMs` (0 or more, any size: delays above 2^31-1 ms are split). */
  setTimer(delayMs: number, callback: () => void): Timer;
}

/** Longest delay that setTimeout takes; above it the runtime fires at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => runtime.performance.now(),
  setTimer(delayMs, callback) {
    let handle: unknown;
    let background = false;
    const arm = (remainingMs: number): void => {
      const step = Math.min(Math.max(remainingMs, 0), MAX_TIMEOUT_MS);
      handle = runtime.setTimeout(() => (remainingMs > step ? arm(remainingMs - step) : callback()), step);
      if (background) unrefTimer(handle);
    };
    arm(delayMs);
    return {
      cancel: () => runtime.clearTimeout(handle),
      unref() {
        background = true;
        unrefTimer(handle);
      },
    };
  },
};

/** Resolves after `delayMs`, or as soon as `signal` aborts (never rejects: the caller looks at the signal). */
export function sleep(clock: Clock, delayMs: number, signal?: CancelSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const timer = clock.setTimer(delayMs, finish);
    signal?.addEventListener("abort", finish, { once: true });
  });
}
