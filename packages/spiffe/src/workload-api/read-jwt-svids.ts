import type { JsonObject } from "../core/index.ts";
import { SpiffeId } from "../id/index.ts";
import { type JwtSvid, parseJwtSvidInsecure } from "../svid/index.ts";
import { decodeJwtSvidResponse, decodeValidateJwtSvidResponse } from "./messages.ts";
import { decodeStruct } from "./protobuf-struct.ts";
import { invalidResponse, keepFirstOfEachHint, readingResponse, requireFields } from "./response-checks.ts";

/** One of the tokens that were asked for, and what the operator says its identity is for. */
export interface HintedJwtSvid {
  readonly svid: JwtSvid;
  /** Workload API §6.2.1; "" when none was given. Unique among the tokens of one answer. */
  readonly hint: string;
}

/** What the agent says that a token is (Workload API §6.2.3). */
export interface ValidatedJwtSvid {
  readonly spiffeId: SpiffeId;
  /** `sub`, `aud` and `exp` at least; of a foreign trust domain's tokens the agent may leave out others. */
  readonly claims: JsonObject;
}

/** Reads the answer of ValidateJWTSVID (Workload API §6.2.3). @throws ERR_WORKLOAD_API_RESPONSE_INVALID */
export function readValidatedJwtSvid(message: Uint8Array): ValidatedJwtSvid {
  return readingResponse("ValidateJWTSVID", () => {
    const { spiffeId, claims } = decodeValidateJwtSvidResponse(message);
    requireFields("ValidateJWTSVID", { spiffe_id: spiffeId });
    if (!claims) throw invalidResponse("ValidateJWTSVID", "claims missing");
    return { spiffeId: SpiffeId.parse(spiffeId), claims: decodeStruct(claims) };
  });
}

/**
 * Reads the answer of FetchJWTSVID (Workload API §6.2.1): at least one token, each for the SPIFFE ID beside it and for
 * every audience that was asked for. Signatures are the receiver's matter.
 * @throws ERR_WORKLOAD_API_RESPONSE_INVALID, whose cause says what is wrong with a token
 */
export function readJwtSvids(message: Uint8Array, audiences: readonly string[]): readonly HintedJwtSvid[] {
  return readingResponse("FetchJWTSVID", () => {
    const identities = keepFirstOfEachHint(decodeJwtSvidResponse(message));
    if (identities.length === 0) throw invalidResponse("FetchJWTSVID", "no token in it");
    return identities.map(({ spiffeId, token, hint }) => {
      requireFields("FetchJWTSVID", { spiffe_id: spiffeId, svid: token });
      const svid = parseJwtSvidInsecure(token);
      if (svid.spiffeId.toString() !== spiffeId) {
        const found = svid.spiffeId.toString();
        throw invalidResponse("FetchJWTSVID", `token of "${found}" under the name "${spiffeId.slice(0, 200)}"`);
      }
      const missing = audiences.find((audience) => !svid.audiences.includes(audience));
      if (missing !== undefined) {
        throw invalidResponse("FetchJWTSVID", `token without the audience "${missing.slice(0, 200)}"`);
      }
      return { svid, hint };
    });
  });
}
