import { isSymbolonError, type JsonObject, parseJsonObject, Secret, spiffeError } from "../core/index.ts";
import { SpiffeId } from "../id/index.ts";
import {
  allowedAlgorithm,
  type CompactJws,
  type JwsAlgorithm,
  parseJwsCompact,
  readTokenClaims,
  textClaim,
} from "../jwt/index.ts";

/** JWT-SVID §2.2: these nine and no others (J1). */
export const JWT_SVID_ALGORITHMS = [
  "ES256",
  "ES384",
  "ES512",
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
] as const satisfies readonly JwsAlgorithm[];
export type JwtSvidAlgorithm = (typeof JWT_SVID_ALGORITHMS)[number];

/** A JWT-SVID that has been read; whether it was also verified depends on which function it comes from. */
export interface JwtSvid {
  /** Of `sub`: whom the token speaks for. */
  readonly spiffeId: SpiffeId;
  /** At least one, none empty. */
  readonly audiences: readonly string[];
  readonly expiresAt: Date;
  readonly notBefore?: Date;
  readonly issuedAt?: Date;
  /** As the header says. */
  readonly algorithm: JwtSvidAlgorithm;
  readonly keyId?: string;
  /** All claims, each name once, also those that this library knows nothing about. */
  readonly claims: JsonObject;
  /** The compact serialisation. Whoever has it can use it, until it ends. */
  readonly token: Secret<string>;
}

/**
 * Reads a JWT-SVID without verifying signature, times and audience: for display, and for the token of one's own that the
 * Workload API has just sent. Never for deciding about a caller.
 * @throws ERR_JWT_MALFORMED, ERR_JWT_TOO_LARGE, ERR_JWT_CRITICAL_HEADER, ERR_JWT_ALGORITHM_NOT_ALLOWED,
 *   ERR_JWT_TYPE_NOT_ALLOWED, ERR_JWT_CLAIM_INVALID, ERR_SVID_SPIFFE_ID_INVALID, ERR_SVID_PATH_MISSING
 */
export function parseJwtSvidInsecure(token: string): JwtSvid {
  return readJwtSvid(token).svid;
}

/** Everything that needs no key, clock or audience, in go-spiffe's order: algorithm, type, subject, expiry, SPIFFE ID. */
export function readJwtSvid(token: string): { readonly svid: JwtSvid; readonly jws: CompactJws } {
  const jws = parseJwsCompact(token);
  const { header } = jws;
  // One of the nine, because it was found among them.
  const algorithm = allowedAlgorithm(header, { algorithms: JWT_SVID_ALGORITHMS }) as JwtSvidAlgorithm;
  // J3: other tokens of the same issuer, such as WIT-SVIDs, must not pass for one.
  if (header.typ !== undefined && header.typ !== "JWT" && header.typ !== "JOSE") {
    const message = `token is of type "${header.typ.slice(0, 40)}", wanted "JWT" or "JOSE"`;
    throw spiffeError("ERR_JWT_TYPE_NOT_ALLOWED", message);
  }
  const claims = parseJsonObject(jws.payload, "payload");
  const subject = textClaim(claims, "sub");
  const { audiences, expiry, notBefore, issuedAt } = readTokenClaims(claims);
  const svid: JwtSvid = Object.freeze({
    spiffeId: workloadId(subject),
    audiences: Object.freeze([...audiences]),
    expiresAt: dateOf(expiry),
    ...(notBefore === undefined ? {} : { notBefore: dateOf(notBefore) }),
    ...(issuedAt === undefined ? {} : { issuedAt: dateOf(issuedAt) }),
    algorithm,
    ...(header.kid === undefined ? {} : { keyId: header.kid }),
    claims,
    token: new Secret(token),
  });
  return { svid, jws };
}

/** J5; an ID without path is the trust domain's own and no workload's (SPIFFE ID §2.2, X509-SVID §5.2). */
function workloadId(subject: string): SpiffeId {
  try {
    const spiffeId = SpiffeId.parse(subject);
    if (spiffeId.path !== "") return spiffeId;
  } catch (cause) {
    if (!isSymbolonError(cause)) throw cause;
    throw spiffeError("ERR_SVID_SPIFFE_ID_INVALID", `claim "sub" is no SPIFFE ID: ${cause.message}`, { cause });
  }
  throw spiffeError("ERR_SVID_PATH_MISSING", 'claim "sub" must be a SPIFFE ID with a non-root path');
}

function dateOf(seconds: number): Date {
  return new Date(seconds * 1000);
}
