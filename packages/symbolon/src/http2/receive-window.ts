import { DEFAULT_WINDOW_BYTES } from "./protocol.ts";

/**
 * What the peer may still send, of a stream or of the connection (RFC 9113 §6.9). It has the standard's first size, as
 * our SETTINGS ask for no other, so that no acknowledgement changes it. All that arrives is consumed at once, but counts
 * until the WINDOW_UPDATE for it is written: what comes before that was sent without leave.
 */
export class ReceiveWindow {
  #left = DEFAULT_WINDOW_BYTES;
  #consumed = 0;

  /** @param bytes of a DATA frame's whole payload, padding too @returns false when it is more than was allowed */
  take(bytes: number): boolean {
    this.#left -= bytes;
    this.#consumed += bytes;
    return this.#left >= 0;
  }

  /** Enough was consumed for a WINDOW_UPDATE. */
  get isDue(): boolean {
    return this.#consumed > DEFAULT_WINDOW_BYTES / 2;
  }

  /** @returns the increment of the WINDOW_UPDATE that is written now */
  giveBack(): number {
    const increment = this.#consumed;
    this.#left += increment;
    this.#consumed = 0;
    return increment;
  }
}
