export { matchAny, matchId, matchMemberOf, matchOneOf, type SpiffeIdMatcher } from "./match.ts";
export { SpiffeId, type SpiffeIdParseOptions, TrustDomain } from "./spiffe-id.ts";
