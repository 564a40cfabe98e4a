export interface RestartBackoff {
  /** Delay before the next start, counting this end of a process that ran for `ranMs`. */
  next(ranMs: number): number;
}

/** Kubernetes starts at 10 s, because a kubelet pulls images; a laptop's developer waits for his own program. */
const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 300_000;
/** A process that ran this long has shown that it can: the next failure is a new story (kubelet's value). */
const RESET_AFTER_MS = 600_000;

/** CrashLoopBackOff: doubling from 1 s to 5 min. */
export function createRestartBackoff(firstDelayMs = FIRST_DELAY_MS): RestartBackoff {
  let delayMs = firstDelayMs;
  return {
    next(ranMs) {
      if (ranMs >= RESET_AFTER_MS) delayMs = firstDelayMs;
      const current = delayMs;
      delayMs = Math.min(delayMs * 2, LONGEST_DELAY_MS);
      return current;
    },
  };
}
