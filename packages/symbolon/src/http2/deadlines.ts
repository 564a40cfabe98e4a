import type { Clock, Timer } from "@symbolon/spiffe/core";

interface Deadline {
  readonly atMs: number;
  readonly act: () => void;
}

/**
 * Several deadlines over one timer: they are set and cleared with every request, and hardly ever come. The timer is left
 * alone when a deadline moves back, and set anew only when it has run.
 */
export class Deadlines<Name extends string> {
  readonly #clock: Clock;
  readonly #deadlines = new Map<Name, Deadline>();
  #timer: { readonly timer: Timer; readonly atMs: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Replaces the one of that name. */
  set(name: Name, delayMs: number, act: () => void): void {
    const atMs = this.#clock.monotonicMs() + delayMs;
    this.#deadlines.set(name, { atMs, act });
    if (!this.#timer || atMs < this.#timer.atMs) this.#arm(atMs);
  }

  has(name: Name): boolean {
    return this.#deadlines.has(name);
  }

  clear(name: Name): void {
    this.#deadlines.delete(name);
  }

  clearAll(): void {
    this.#deadlines.clear();
    this.#timer?.timer.cancel();
    this.#timer = undefined;
  }

  #arm(atMs: number): void {
    this.#timer?.timer.cancel();
    const timer = this.#clock.setTimer(Math.max(0, atMs - this.#clock.monotonicMs()), () => this.#run());
    this.#timer = { timer, atMs };
  }

  #run(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (const [name, { atMs, act }] of [...this.#deadlines]) {
      if (atMs > nowMs || !this.#deadlines.delete(name)) continue;
      act();
    }
    const next = Math.min(...[...this.#deadlines.values()].map(({ atMs }) => atMs));
    if (Number.isFinite(next) && !this.#timer) this.#arm(next);
  }
}
