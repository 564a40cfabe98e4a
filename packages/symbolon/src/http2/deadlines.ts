import type { Clock, Timer } from "@symbolon/spiffe/core";

/**
 * Several deadlines over one timer: they are set and cleared with every request, and hardly ever come. The timer is left
 * alone when a deadline moves back, and set anew only when it has run.
 */
export class Deadlines<Name> {
  readonly #clock: Clock;
  readonly #onDue: (name: Name) => void;
  readonly #dueMs = new Map<Name, number>();
  #timer: Timer | undefined;
  #timerMs = Number.POSITIVE_INFINITY;
  #isStopped = false;

  constructor(clock: Clock, onDue: (name: Name) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Replaces the one of that name. */
  set(name: Name, delayMs: number): void {
    if (this.#isStopped) return;
    const dueMs = this.#clock.monotonicMs() + delayMs;
    this.#dueMs.set(name, dueMs);
    if (dueMs < this.#timerMs) this.#arm(dueMs);
  }

  /** Leaves one of that name that is due before. */
  setNoLater(name: Name, delayMs: number): void {
    const dueMs = this.#dueMs.get(name);
    if (dueMs === undefined || dueMs > this.#clock.monotonicMs() + delayMs) this.set(name, delayMs);
  }

  has(name: Name): boolean {
    return this.#dueMs.has(name);
  }

  clear(name: Name): void {
    this.#dueMs.delete(name);
  }

  /** For good: what ends in the middle of something leaves no timer behind. */
  stop(): void {
    this.#isStopped = true;
    this.#dueMs.clear();
    this.#timer?.cancel();
    this.#timerMs = Number.POSITIVE_INFINITY;
  }

  #arm(dueMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(Math.max(0, dueMs - this.#clock.monotonicMs()), () => this.#run());
    this.#timerMs = dueMs;
  }

  #run(): void {
    this.#timerMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.monotonicMs();
    // What is done may set and clear others.
    for (const [name, dueMs] of [...this.#dueMs])
      if (dueMs <= nowMs && this.#dueMs.get(name) === dueMs && this.#dueMs.delete(name)) this.#onDue(name);
    const nextMs = Math.min(...this.#dueMs.values());
    if (nextMs < this.#timerMs) this.#arm(nextMs);
  }
}
