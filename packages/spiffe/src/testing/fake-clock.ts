import type { Clock, Timer } from "../core/index.ts";

export interface FakeClock extends Clock {
  /** Moves both wall and monotonic time, running every timer that falls due, in order, and letting promises settle between them. */
  advance(ms: number): Promise<void>;
  /** Steps the wall clock alone, as a broken NTP would. */
  stepWallClock(ms: number): void;
  /** Delays until each pending timer, soonest first, in ms. */
  readonly pendingTimersMs: readonly number[];
}

export function createFakeClock(start: Date = new Date("2026-01-01T00:00:00Z")): FakeClock {
  let wallMs = start.getTime();
  let monotonicMs = 0;
  const timers = new Set<{ dueMs: number; callback: () => void }>();
  const ordered = () => [...timers].sort((a, b) => a.dueMs - b.dueMs);

  return {
    now: () => new Date(wallMs),
    monotonicMs: () => monotonicMs,
    setTimer(delayMs, callback): Timer {
      const timer = { dueMs: monotonicMs + Math.max(0, delayMs), callback };
      timers.add(timer);
      return { cancel: () => timers.delete(timer) };
    },
    async advance(ms) {
      const endMs = monotonicMs + ms;
      await settle();
      for (let next = ordered()[0]; next && next.dueMs <= endMs; next = ordered()[0]) {
        wallMs += next.dueMs - monotonicMs;
        monotonicMs = next.dueMs;
        timers.delete(next);
        next.callback();
        await settle();
      }
      wallMs += endMs - monotonicMs;
      monotonicMs = endMs;
    },
    stepWallClock(ms) {
      wallMs += ms;
    },
    get pendingTimersMs() {
      return ordered().map((timer) => timer.dueMs - monotonicMs);
    },
  };
}

/** Lets every promise that is ready run: a macrotask comes after all of them. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
