export type { JsonObject, JsonValue } from "../core/index.ts";
export { defaultAlgorithm, JWS_ALGORITHMS, type JwsAlgorithm } from "./algorithms.ts";
export {
  checkAudience,
  checkJwtClaims,
  checkTimes,
  type JwtClaims,
  type JwtClaimsPolicy,
  readTokenClaims,
  type TokenClaims,
  textClaim,
} from "./claims.ts";
export { isForSignatures, type Jwk, readJwk } from "./jwk.ts";
export { type JwkSet, jwkFromPublicKey, type PublicJwk, parseJwkSet, readJwkSetDocument } from "./jwk-set.ts";
export {
  allowedAlgorithm,
  type CompactJws,
  checkSignature,
  type JwsHeader,
  parseJwsCompact,
  type SignatureVerdict,
  type SignJwsOptions,
  signJws,
  type VerifiedJws,
  type VerifyJwsOptions,
  verifyJws,
  verifyJwsSignature,
} from "./jws.ts";
export { type LeftOutKey, type ProviderKeySet, parseProviderKeySet } from "./provider-key-set.ts";
