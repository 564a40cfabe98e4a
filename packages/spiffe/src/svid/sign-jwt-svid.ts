import type { KeyObject } from "node:crypto";
import { spiffeError } from "../core/index.ts";
import type { SpiffeId } from "../id/index.ts";
import { defaultAlgorithm, signJws } from "../jwt/index.ts";
import { JWT_SVID_ALGORITHMS, type JwtSvid, type JwtSvidAlgorithm, parseJwtSvidInsecure } from "./jwt-svid.ts";

export interface JwtSvidSigningKey {
  /** Of the same key in the trust domain's bundle. */
  readonly keyId: string;
  /** EC P-256, P-384 or P-521, or RSA with at least 2048 bits. */
  readonly privateKey: KeyObject;
  /** By the key, if absent: ES256, ES384, ES512 or RS256. */
  readonly algorithm?: JwtSvidAlgorithm;
}

export interface JwtSvidTemplate {
  readonly spiffeId: SpiffeId;
  /** At least one, none empty; one is best: whoever gets the token can show it to the others (J6). */
  readonly audiences: readonly string[];
  /** Both are cut to whole seconds. */
  readonly issuedAt: Date;
  readonly expiresAt: Date;
}

const MIN_RSA_BITS = 2048;

/**
 * Issues a JWT-SVID: header `alg`, `kid` and `typ`, claims `sub`, `aud` (always a list), `exp` and `iat`, and no others
 * (JWT-SVID §2 and §3, J1 to J7). What comes out has been read back as a relying party reads it.
 * @throws ERR_KEY_UNSUPPORTED, ERR_KEY_SIZE; and for a template that makes no valid token, the codes of
 *   `parseJwtSvidInsecure`
 */
export function signJwtSvid(template: JwtSvidTemplate, key: JwtSvidSigningKey): JwtSvid {
  const { spiffeId, audiences, issuedAt, expiresAt } = template;
  const { keyId, privateKey, algorithm = algorithmOf(privateKey) } = key;
  if (keyId === "") throw spiffeError("ERR_KEY_UNSUPPORTED", "a signing key of JWT-SVIDs needs a key ID");
  const bits = privateKey.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < MIN_RSA_BITS)
    throw spiffeError("ERR_KEY_SIZE", `RSA key has ${bits} bits, wanted at least ${MIN_RSA_BITS}`);
  const claims = {
    sub: spiffeId.toString(),
    aud: audiences,
    exp: seconds(expiresAt),
    iat: seconds(issuedAt),
  };
  if (!(claims.exp > claims.iat))
    throw spiffeError("ERR_JWT_CLAIM_INVALID", 'claim "exp" is not later than "iat"', { details: { claim: "exp" } });
  return parseJwtSvidInsecure(signJws(claims, { kid: keyId, privateKey, algorithm, typ: "JWT" }));
}

function algorithmOf(privateKey: KeyObject): JwtSvidAlgorithm {
  const chosen = privateKey.type === "private" ? defaultAlgorithm(privateKey) : undefined;
  const algorithm = JWT_SVID_ALGORITHMS.find((allowed) => allowed === chosen);
  if (algorithm) return algorithm;
  const message = `a ${privateKey.type} key of type "${privateKey.asymmetricKeyType}" cannot sign JWT-SVIDs`;
  throw spiffeError("ERR_KEY_UNSUPPORTED", message);
}

function seconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
