import type { Clock } from "@symbolon/spiffe/core";
import type { Deadlines } from "./deadlines.ts";

/** Something that may be doing nothing for too long. */
export interface Swept {
  sweep(nowMs: number): void;
}

/** Coarse time for connections that have many short phases: nothing is set and taken back for a request. */
export interface Sweeper {
  /** Of the last sweep: at most `SWEEP_MS` old while something is swept. */
  readonly nowMs: number;
  add(swept: Swept): void;
  remove(swept: Swept): void;
}

export const SWEEP_MS = 500;

export function createSweeper(clock: Clock, deadlines: Deadlines): Sweeper {
  const all = new Set<Swept>();
  let nowMs = clock.monotonicMs();
  let scheduled = false;

  const sweep = (): void => {
    scheduled = false;
    nowMs = clock.monotonicMs();
    for (const swept of all) swept.sweep(nowMs);
    schedule();
  };
  const schedule = (): void => {
    if (scheduled || all.size === 0) return;
    scheduled = true;
    deadlines.add(SWEEP_MS, sweep);
  };

  return {
    get nowMs() {
      return nowMs;
    },
    add(swept) {
      if (all.size === 0) nowMs = clock.monotonicMs();
      all.add(swept);
      schedule();
    },
    remove(swept) {
      all.delete(swept);
    },
  };
}
