import type { Clock } from "@symbolon/spiffe/core";
import { ConnectionError, H2_ERROR } from "./protocol.ts";

/** What a peer may send at once of what costs us and brings it nothing, and how much comes back a second. */
const BURST = 1000;
const A_SECOND = 100;
/** Frames about our answers that come free with each request, and with each DATA frame of ours. */
const FREE_A_REQUEST = 2;
const FREE_A_DATA_FRAME = 20;

/**
 * Counts what no honest client sends much of: streams that are opened and reset (CVE-2023-44487), settings, empty frames,
 * frames of unknown types (CVE-2019-9515, 9518).
 *
 * WINDOW_UPDATE, PRIORITY and PING (CVE-2019-9511, 9512, 9513) follow the requests and answers of an honest client: one
 * that reads in small steps sends several updates for a DATA frame, and grpc-go measures the way with a ping for the data
 * of each round trip. They are free in proportion, as Envoy has it for updates, and count when there are more.
 */
export class NuisanceBudget {
  readonly #clock: Clock;
  #left = BURST;
  #free = 0;
  #atMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#atMs = clock.monotonicMs();
  }

  requestCame(): void {
    this.#free += FREE_A_REQUEST;
  }

  dataSent(): void {
    this.#free += FREE_A_DATA_FRAME;
  }

  /** For a frame that is free in proportion. @throws ConnectionError as `spend` */
  spendFree(): void {
    if (this.#free === 0) this.spend();
    else this.#free -= 1;
  }

  /** @throws ConnectionError ENHANCE_YOUR_CALM when it is used up */
  spend(): void {
    if (this.#left < 1) {
      const nowMs = this.#clock.monotonicMs();
      this.#left = Math.min(BURST, this.#left + ((nowMs - this.#atMs) * A_SECOND) / 1000);
      this.#atMs = nowMs;
    }
    if (this.#left < 1) throw new ConnectionError(H2_ERROR.enhanceYourCalm, "too many frames to no purpose");
    this.#left -= 1;
  }
}
