import { JwtBundleSet } from "@symbolon/spiffe/bundle";
import { isSymbolonError } from "@symbolon/spiffe/core";
import type { TrustDomain } from "@symbolon/spiffe/id";
import { type JwtSvid, parseJwtSvidInsecure, verifyJwtSvid } from "@symbolon/spiffe/svid";
import { readBundle } from "./read-bundle.ts";
import { isoSeconds } from "./times.ts";
import { type ClaimedTime, refusal, type Verdict } from "./verdict.ts";

export interface JwtQuestion {
  readonly token: string;
  readonly bundleFile: string;
  readonly audiences: readonly string[];
  /** Absent: the bundle is taken as that of the token's own trust domain. */
  readonly trustDomain: TrustDomain | undefined;
  readonly now: Date;
}

/** @throws what is wrong with the bundle; everything about the token is the verdict */
export async function judgeJwtSvid({ token, bundleFile, audiences, trustDomain, now }: JwtQuestion): Promise<Verdict> {
  let svid: JwtSvid;
  try {
    svid = parseJwtSvidInsecure(token);
  } catch (error) {
    return refusal(error, { now, times: [], notes: [] });
  }
  const { name } = trustDomain ?? svid.spiffeId.trustDomain;
  const bundle = await readBundle(bundleFile, trustDomain ?? svid.spiffeId.trustDomain);
  const notes = [
    ...(trustDomain ? [] : [`the bundle is taken as that of "${name}"; --trust-domain says whose it is`]),
    ...(bundle.format === "pem"
      ? ["certificates verify no JWT-SVID: the bundle must be a SPIFFE document or a JWK Set"]
      : []),
  ];
  const spiffeId = svid.spiffeId.toString();
  try {
    verifyJwtSvid(token, JwtBundleSet.of(bundle.jwt), { audiences, now });
  } catch (error) {
    if (!isSymbolonError(error)) throw error;
    return refusal(error, { now, times: timesOf(svid), notes, spiffeId });
  }
  return {
    verdict: "accepted",
    spiffeId,
    audiences: svid.audiences,
    claims: svid.claims,
    now: isoSeconds(now),
    times: timesOf(svid).map((claimed) => ({ name: claimed.name, time: isoSeconds(claimed.time) })),
    notes,
  };
}

export function timesOf({ issuedAt, notBefore, expiresAt }: JwtSvid): readonly ClaimedTime[] {
  return [
    ...(issuedAt ? [{ name: "issued at", time: issuedAt }] : []),
    ...(notBefore ? [{ name: "valid from", time: notBefore }] : []),
    { name: "valid to", time: expiresAt },
  ];
}
