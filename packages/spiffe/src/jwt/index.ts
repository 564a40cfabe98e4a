export type { JsonObject, JsonValue } from "../core/index.ts";
export { JWS_ALGORITHMS, type JwsAlgorithm } from "./algorithms.ts";
export { checkJwtClaims, type JwtClaims, type JwtClaimsPolicy } from "./claims.ts";
export { isForSignatures, type Jwk, readJwk } from "./jwk.ts";
export { type JwkSet, jwkFromPublicKey, type PublicJwk, parseJwkSet, readJwkSetDocument } from "./jwk-set.ts";
export {
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
} from "./jws.ts";
export { type LeftOutKey, type ProviderKeySet, parseProviderKeySet } from "./provider-key-set.ts";
