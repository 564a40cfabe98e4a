import type { JwtBundleSet } from "../bundle/index.ts";
import { checkAudience, checkTimes, verifyJwsSignature } from "../jwt/index.ts";
import { JWT_SVID_ALGORITHMS, type JwtSvid, readJwtSvid } from "./jwt-svid.ts";

export interface VerifyJwtSvidOptions {
  /** Names of the service that is called; the token must be for one of them (J6). Without any, no token is accepted. */
  readonly audiences: readonly string[];
  readonly now: Date;
  /** Allowance for clocks that differ, on `exp` and `nbf`; 0 if absent. */
  readonly leewaySeconds?: number;
}

/**
 * JWT-SVID §5 (J1 to J8, J11), in the order of go-spiffe: what the token says of itself, the bundle of its subject's
 * trust domain and of no other, the key, the signature, the times, the audience. A token without `kid` is verified with
 * each key that fits its algorithm (J2). Keys that the token brings along are never looked at (J4). Which of the verified
 * callers is let in is not asked here.
 * @throws ERR_JWT_*, ERR_SVID_SPIFFE_ID_INVALID, ERR_SVID_PATH_MISSING, ERR_BUNDLE_NOT_FOUND
 */
export function verifyJwtSvid(token: string, bundles: JwtBundleSet, options: VerifyJwtSvidOptions): JwtSvid {
  const { svid, jws } = readJwtSvid(token);
  const { jwtAuthorities } = bundles.require(svid.spiffeId.trustDomain);
  verifyJwsSignature(jws, jwtAuthorities, { algorithms: JWT_SVID_ALGORITHMS });
  checkTimes({ expiry: secondsOf(svid.expiresAt), notBefore: svid.notBefore && secondsOf(svid.notBefore) }, options);
  checkAudience(svid.audiences, options.audiences);
  return svid;
}

function secondsOf(date: Date): number {
  return date.getTime() / 1000;
}
