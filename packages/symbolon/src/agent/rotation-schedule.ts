import { type BackoffOptions, fullJitterBackoffMs, type Random } from "@symbolon/spiffe/core";

/**
 * Share of a certificate's life after which it is renewed, drawn uniformly for each certificate (RR-01, ADR 8):
 * 75 % on average, 18 h of 24 h. In Istio's terms (SECRET_GRACE_PERIOD_RATIO, the share that remains): 0.25.
 */
export const RENEWAL_WINDOW = { from: 0.7, to: 0.8 } as const;

/** RR-06: full jitter after the cap. While more than half of the life remains, there is no hurry. */
const BACKOFF_BASE_MS = 1000;
const BACKOFF_CAP_MS = 60_000;
const RELAXED_BACKOFF_CAP_MS = 120_000;

/**
 * Time from receipt to renewal. The life is counted from receipt, as Istio does (istio-security §6.3), because
 * notBefore lies in the past on purpose.
 * @returns milliseconds, 0 when the certificate has already expired by the local clock
 */
export function renewalDelayMs(times: { readonly receivedAt: Date; readonly notAfter: Date }, random: Random): number {
  const lifeMs = times.notAfter.getTime() - times.receivedAt.getTime();
  const fraction = RENEWAL_WINDOW.from + (RENEWAL_WINDOW.to - RENEWAL_WINDOW.from) * random.fraction();
  return Math.max(0, Math.floor(lifeMs * fraction));
}

/**
 * Time until the next try after a failure.
 * @param remainingShare share of the current certificate's life that remains; undefined without a certificate
 */
export function retryDelayMs(attempt: number, remainingShare: number | undefined, random: Random): number {
  const capMs = remainingShare !== undefined && remainingShare > 0.5 ? RELAXED_BACKOFF_CAP_MS : BACKOFF_CAP_MS;
  const options: BackoffOptions = { baseMs: BACKOFF_BASE_MS, capMs };
  return fullJitterBackoffMs(attempt, random, options);
}
