export type { TokenTrust } from "./authenticate-service-account-token.ts";
export {
  type CertificateAuthority,
  type CertificateAuthorityOptions,
  createCertificateAuthority,
} from "./create-certificate-authority.ts";
export { DEFAULT_JWT_SVID_LIFETIME_SECONDS } from "./create-jwt-svid.ts";
export type { IssuanceProfileConfig } from "./issuance-profile.ts";
export type { IssuedJwtSvid, JwtAuthority, JwtSvidCaller, JwtSvidOrder } from "./jwt-authority.ts";
export { loadPluggedInAuthority } from "./plugged-in-authority.ts";
export type {
  BoundPod,
  CallerCredentials,
  CreateCertificate,
  CreateCertificateRequest,
  CreatedCertificate,
  CreateEntrySvid,
  CreateEntrySvidRequest,
  EntryLookup,
  IssuanceLog,
  IssuanceRecord,
  IssuanceStatus,
  PodLookup,
  SecretDirectory,
  ServerIdentity,
  StoredIssuance,
} from "./ports.ts";
export {
  loadTokenIssuer,
  type ServiceAccountToken,
  type ServiceAccountTokenRequest,
  type TokenIssuer,
} from "./service-account-token.ts";
export { loadOrCreateKey, type StoredKey } from "./stored-key.ts";
