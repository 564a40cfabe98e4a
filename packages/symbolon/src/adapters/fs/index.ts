export { type AuditFile, openAuditFile } from "./audit-file.ts";
export { type ConfigFilesOptions, createConfigFiles } from "./config-files.ts";
export { sealedSecretDirectory, unsealedSecretDirectory } from "./sealed-secret.ts";
export { openSecretDirectory, secretDirectory } from "./secret-directory.ts";
export { writeFileAtomically } from "./write-file-atomically.ts";
