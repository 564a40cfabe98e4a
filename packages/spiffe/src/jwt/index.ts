export { JWS_ALGORITHMS, type JwsAlgorithm } from "./algorithms.ts";
export { checkJwtClaims, type JwtClaims, type JwtClaimsPolicy } from "./claims.ts";
export { type Jwk, type JwkSet, jwkFromPublicKey, type PublicJwk, parseJwkSet } from "./jwk-set.ts";
export {
  type CompactJws,
  type JwsHeader,
  parseJwsCompact,
  type SignJwsOptions,
  signJws,
  type VerifiedJws,
  type VerifyJwsOptions,
  verifyJws,
} from "./jws.ts";
export type { JsonObject, JsonValue } from "./strict-json.ts";
