import { productError } from "../core/index.ts";

/** As an operator writes it (istio-security §5.5); absent means Istio's default. */
export interface IssuanceProfileConfig {
  readonly defaultLifetimeSeconds?: number;
  readonly maxLifetimeSeconds?: number;
}

/** The same, checked. */
export interface IssuanceProfile {
  readonly defaultLifetimeSeconds: number;
  readonly maxLifetimeSeconds: number;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const DAY_SECONDS = 24 * 60 * 60;
/** DEFAULT_WORKLOAD_CERT_TTL */
const DEFAULT_LIFETIME_SECONDS = DAY_SECONDS;
/** MAX_WORKLOAD_CERT_TTL */
const MAX_LIFETIME_SECONDS = 90 * DAY_SECONDS;
/** A peer whose clock is behind ours by less accepts a new certificate at once (SR-18). */
export const CLOCK_SKEW_SECONDS = 60;

export function createIssuanceProfile(config: IssuanceProfileConfig = {}): IssuanceProfile {
  const maxLifetimeSeconds = config.maxLifetimeSeconds ?? MAX_LIFETIME_SECONDS;
  const defaultLifetimeSeconds =
    config.defaultLifetimeSeconds ?? Math.min(DEFAULT_LIFETIME_SECONDS, maxLifetimeSeconds);
  if (!isWithin(maxLifetimeSeconds, MAX_LIFETIME_SECONDS))
    throw invalid(`longest certificate lifetime "${maxLifetimeSeconds}" is not 1 to ${MAX_LIFETIME_SECONDS} seconds`);
  if (!isWithin(defaultLifetimeSeconds, maxLifetimeSeconds))
    throw invalid(`certificate lifetime "${defaultLifetimeSeconds}" is not 1 to ${maxLifetimeSeconds} seconds`);
  return { defaultLifetimeSeconds, maxLifetimeSeconds };
}

/**
 * What a certificate gets for the lifetime that was asked for: the default for zero or less, an error above the longest,
 * and never beyond its issuer (istio-security §5.5, SR-18). Whole seconds, as X.509 has no others.
 */
export function chooseValidity(
  profile: IssuanceProfile,
  requestedSeconds: bigint,
  issuer: Validity,
  now: Date,
): Validity {
  if (requestedSeconds > BigInt(profile.maxLifetimeSeconds))
    throw productError(
      "ERR_CA_LIFETIME_TOO_LONG",
      `requested TTL ${goDuration(requestedSeconds)} is greater than the max allowed TTL ${goDuration(BigInt(profile.maxLifetimeSeconds))}`,
    );
  const seconds = requestedSeconds > 0n ? Number(requestedSeconds) : profile.defaultLifetimeSeconds;
  const nowSeconds = Math.floor(now.getTime() / 1000);
  const notBefore = Math.max(nowSeconds - CLOCK_SKEW_SECONDS, issuer.notBefore.getTime() / 1000);
  const notAfter = Math.min(nowSeconds + seconds, issuer.notAfter.getTime() / 1000);
  return { notBefore: new Date(notBefore * 1000), notAfter: new Date(notAfter * 1000) };
}

/** Go prints durations so; Istio's message is known by its numbers. */
function goDuration(seconds: bigint): string {
  const hours = seconds / 3600n;
  const minutes = (seconds / 60n) % 60n;
  return `${hours > 0n ? `${hours}h` : ""}${seconds >= 60n ? `${minutes}m` : ""}${seconds % 60n}s`;
}

const isWithin = (value: number, max: number): boolean => Number.isInteger(value) && value >= 1 && value <= max;

const invalid = (message: string) => productError("ERR_CONFIG_INVALID", message);
