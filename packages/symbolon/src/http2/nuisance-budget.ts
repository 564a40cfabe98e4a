import type { Clock } from "@symbolon/spiffe/core";

/** What a peer may send at once of what costs us and brings it nothing, and how much comes back a second. */
const BURST = 1000;
const A_SECOND = 100;

/**
 * Counts what no honest client sends much of: streams that are opened and reset (CVE-2023-44487), pings, settings, empty
 * frames (CVE-2019-9512, 9515, 9518).
 */
export class NuisanceBudget {
  readonly #clock: Clock;
  #left = BURST;
  #atMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#atMs = clock.monotonicMs();
  }

  /** @returns false when it is used up */
  spend(): boolean {
    if (this.#left < 1) {
      const nowMs = this.#clock.monotonicMs();
      this.#left = Math.min(BURST, this.#left + ((nowMs - this.#atMs) * A_SECOND) / 1000);
      this.#atMs = nowMs;
    }
    this.#left -= 1;
    return this.#left >= 0;
  }
}
