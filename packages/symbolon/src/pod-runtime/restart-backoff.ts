export interface RestartBackoff {
  /** Delay before the next start, counting this end of a process that ran for `ranMs`. */
  next(ranMs: number): number;
}

/** Kubernetes starts at 10 s, because a kubelet pulls images; a laptop's developer waits for his own program. */
const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 300_000;
/** A process that ran this long has shown that it can: the next failure is a new story (kubelet's value). */
const RESET_AFTER_MS = 600_000;

export interface RestartBackoffOptions {
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
  readonly resetAfterMs: number;
}

const CRASH_LOOP: RestartBackoffOptions = {
  firstDelayMs: FIRST_DELAY_MS,
  longestDelayMs: LONGEST_DELAY_MS,
  resetAfterMs: RESET_AFTER_MS,
};

/** Of the mesh's own processes, without which nothing is issued, told or carried: never away for long (RR-20). */
export const OWN_PROCESS_BACKOFF: RestartBackoffOptions = {
  firstDelayMs: 100,
  longestDelayMs: 5_000,
  resetAfterMs: 10_000,
};

/** Doubles from the first delay to the longest; by default CrashLoopBackOff, from 1 s to 5 min. */
export function createRestartBackoff({
  firstDelayMs,
  longestDelayMs,
  resetAfterMs,
}: RestartBackoffOptions = CRASH_LOOP): RestartBackoff {
  let delayMs = firstDelayMs;
  return {
    next(ranMs) {
      if (ranMs >= resetAfterMs) delayMs = firstDelayMs;
      const current = delayMs;
      delayMs = Math.min(delayMs * 2, longestDelayMs);
      return current;
    },
  };
}
