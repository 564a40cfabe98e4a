export { JWT_SVID_ALGORITHMS, type JwtSvid, type JwtSvidAlgorithm, parseJwtSvidInsecure } from "./jwt-svid.ts";
export { spiffeIdOf } from "./leaf-spiffe-id.ts";
export { createPeerVerifier, type PeerVerifier, type PeerVerifierOptions } from "./peer-verifier.ts";
export { type JwtSvidSigningKey, type JwtSvidTemplate, signJwtSvid } from "./sign-jwt-svid.ts";
export { type VerifyJwtSvidOptions, verifyJwtSvid } from "./verify-jwt-svid.ts";
export { type VerifiedPeer, type VerifyX509SvidOptions, verifyX509Svid } from "./verify-x509-svid.ts";
export { parseX509Svid, X509Svid } from "./x509-svid.ts";
