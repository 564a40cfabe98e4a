import type { Clock, Timer } from "@symbolon/spiffe/core";

/** One coarse timer for all connections that may not stay in a phase for ever. */
export interface Deadlines {
  /** @returns takes the deadline back */
  add(delayMs: number, expired: () => void): () => void;
  close(): void;
}

const TICK_MS = 100;

export function createDeadlines(clock: Clock): Deadlines {
  const pending = new Set<{ readonly dueMs: number; readonly expired: () => void }>();
  let timer: Timer | undefined;

  const tick = (): void => {
    timer = undefined;
    const now = clock.monotonicMs();
    for (const deadline of [...pending]) if (deadline.dueMs <= now && pending.delete(deadline)) deadline.expired();
    if (pending.size > 0) timer ??= clock.setTimer(TICK_MS, tick);
  };

  return {
    add(delayMs, expired) {
      const deadline = { dueMs: clock.monotonicMs() + delayMs, expired };
      pending.add(deadline);
      timer ??= clock.setTimer(TICK_MS, tick);
      return () => pending.delete(deadline);
    },
    close() {
      pending.clear();
      timer?.cancel();
      timer = undefined;
    },
  };
}
