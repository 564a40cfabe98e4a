export { BundleSet, X509Bundle } from "./bundle/index.ts";
export {
  type Clock,
  isSymbolonError,
  type Log,
  type Random,
  Secret,
  SPIFFE_ERRORS,
  type SpiffeErrorCode,
  SymbolonError,
  systemClock,
  systemRandom,
} from "./core/index.ts";
export {
  matchAny,
  matchId,
  matchMemberOf,
  matchOneOf,
  SpiffeId,
  type SpiffeIdMatcher,
  type SpiffeIdParseOptions,
  TrustDomain,
} from "./id/index.ts";
export {
  createPeerVerifier,
  type PeerVerifier,
  type PeerVerifierOptions,
  parseX509Svid,
  spiffeIdOf,
  type VerifiedPeer,
  verifyX509Svid,
  X509Svid,
} from "./svid/index.ts";
export {
  type Certificate,
  type CertificateSigningRequest,
  createCertificateSigningRequest,
  createKeyPair,
  type KeyKind,
  type KeyPair,
  type LintFinding,
  lintCertificate,
  parseCertificate,
  parseCertificateSigningRequest,
  parseCertificatesPem,
} from "./x509/index.ts";
