import type { Clock } from "./clock.ts";

/** The longest that a timer goes in one step: it is only there to be pending. */
const FOR_EVER_MS = 2 ** 31 - 1;

/**
 * Keeps the process alive until `release` is called: sockets of this package do not, so that an identity alone is no
 * reason to go on, and whoever awaits an answer is.
 */
export function holdProcess(clock: Clock): () => void {
  const timer = clock.setTimer(FOR_EVER_MS, () => {});
  return () => timer.cancel();
}
