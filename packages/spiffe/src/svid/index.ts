export { spiffeIdOf } from "./leaf-spiffe-id.ts";
export { createPeerVerifier, type PeerVerifier, type PeerVerifierOptions } from "./peer-verifier.ts";
export { type VerifiedPeer, type VerifyX509SvidOptions, verifyX509Svid } from "./verify-x509-svid.ts";
export { parseX509Svid, X509Svid } from "./x509-svid.ts";
