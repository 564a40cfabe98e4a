/** What waits for clients that do not read, in the whole proxy, counted anew with each sweep. */
export interface StalledBytes {
  /** Of the last whole sweep. */
  readonly total: number;
  /** @param sweepMs time of the sweep that the bytes were seen in */
  add(bytes: number, sweepMs: number): void;
}

export function createStalledBytes(): StalledBytes {
  let total = 0;
  let current = 0;
  let currentMs = Number.NEGATIVE_INFINITY;
  return {
    get total() {
      return total;
    },
    add(bytes, sweepMs) {
      if (sweepMs !== currentMs) {
        total = current;
        current = 0;
        currentMs = sweepMs;
      }
      current += bytes;
    },
  };
}
