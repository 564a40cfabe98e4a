import type { SpiffeId, TrustDomain } from "./spiffe-id.ts";

/** Undefined = accepted; else the reason of the refusal. A refusal is a value, not an exception. */
export type SpiffeIdMatcher = (actual: SpiffeId) => string | undefined;

export function matchAny(): SpiffeIdMatcher {
  return () => undefined;
}

export function matchId(expected: SpiffeId): SpiffeIdMatcher {
  return (actual) => (actual.equals(expected) ? undefined : unexpectedId(actual));
}

/** An empty list accepts nobody. */
export function matchOneOf(expected: Iterable<SpiffeId>): SpiffeIdMatcher {
  const texts = new Set([...expected].map((id) => id.toString()));
  return (actual) => (texts.has(actual.toString()) ? undefined : unexpectedId(actual));
}

export function matchMemberOf(expected: TrustDomain): SpiffeIdMatcher {
  return (actual) => (actual.memberOf(expected) ? undefined : `unexpected trust domain "${actual.trustDomain.name}"`);
}

function unexpectedId(actual: SpiffeId): string {
  return `unexpected ID "${actual.toString()}"`;
}
