import type { Random } from "./random.ts";

export interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * Full jitter: uniform in [0, min(cap, base * 2^attempt)). The jitter comes after the cap,
 * so that a fleet that has reached the cap does not move in step.
 * @param attempt number of failures so far, from 0
 */
export function fullJitterBackoffMs(attempt: number, random: Random, options: BackoffOptions): number {
  const ceiling = Math.min(options.capMs, options.baseMs * 2 ** Math.min(attempt, 52));
  return random.fraction() * ceiling;
}
