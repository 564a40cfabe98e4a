export type { SecretFiles } from "./file-secrets.ts";
export type {
  FoundSecrets,
  SecretContent,
  SecretValidator,
  TrustDomainAuthorities,
  WantedSecrets,
} from "./secret-content.ts";
export { EVERYTHING, SECRET_NAMES } from "./secret-names.ts";
export { createSecretSource, type SecretSource } from "./secret-source.ts";
