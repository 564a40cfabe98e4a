import type { Random } from "../core/index.ts";

/** Deterministic stand-in (xorshift32) for tests: the same seed gives the same run. */
export function createFakeRandom(seed = 1): Random {
  let state = seed >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  return {
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
    fraction: () => next() / 2 ** 32,
  };
}
