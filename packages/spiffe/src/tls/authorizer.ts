import { spiffeError } from "../core/index.ts";
import {
  matchAny,
  matchId,
  matchMemberOf,
  matchOneOf,
  SpiffeId,
  type SpiffeIdMatcher,
  TrustDomain,
} from "../id/index.ts";
import type { VerifiedPeer } from "../svid/index.ts";

/** Who may be at the other end. Undefined = accepted; else the reason of the refusal. There is none by default. */
export type Authorizer = (spiffeId: SpiffeId, peer: VerifiedPeer) => string | undefined;

/** The authorizers of go-spiffe and java-spiffe (spiffe.md §6.2 point 3). Texts throw ERR_SPIFFE_ID_* when they are none. */
export const allow = {
  /** Whoever a trusted authority has signed for, of any trust domain in the bundles. */
  any: (): Authorizer => matchAny(),
  /** Exactly this ID. */
  id: (expected: SpiffeId | string): Authorizer => matchId(asId(expected)),
  /** One of these IDs; an empty list accepts nobody. */
  oneOf: (expected: Iterable<SpiffeId | string>): Authorizer => matchOneOf([...expected].map(asId)),
  /** Every workload of this trust domain. */
  memberOf: (expected: TrustDomain | string): Authorizer =>
    matchMemberOf(typeof expected === "string" ? TrustDomain.parse(expected) : expected),
  /** What a program decides itself: anything but `true` is a refusal, an exception too. */
  where:
    (accepts: (spiffeId: SpiffeId, peer: VerifiedPeer) => boolean): Authorizer =>
    (spiffeId, peer) =>
      accepts(spiffeId, peer) === true ? undefined : `unexpected ID "${spiffeId.toString()}"`,
  /** A matcher of `@symbolon/spiffe/id`. */
  matching: (matcher: SpiffeIdMatcher): Authorizer => matcher,
} as const;

/** For programs without types. @throws ERR_TLS_AUTHORIZER_MISSING */
export function requireAuthorizer(allowed: Authorizer | undefined, what: string): Authorizer {
  if (typeof allowed === "function") return allowed;
  const message = `${what} needs the option "allow", such as allow.id("spiffe://example.org/web"); nobody is accepted without it`;
  throw spiffeError("ERR_TLS_AUTHORIZER_MISSING", message);
}

function asId(id: SpiffeId | string): SpiffeId {
  return typeof id === "string" ? SpiffeId.parse(id) : id;
}
