export { type AuditLog, openAuditLog } from "./audit-log.ts";
export { type ConfigFilesOptions, createConfigFiles } from "./config-files.ts";
export type { FileSet } from "./file-set.ts";
export { listAuditLogs, readAuditLog, readChunks } from "./read-audit-log.ts";
export { createRecordFile, type RecordFile } from "./record-file.ts";
export { replaceFileSet } from "./replace-file-set.ts";
export { sealedSecretDirectory, unsealedSecretDirectory } from "./sealed-secret.ts";
export { openSecretDirectory, secretDirectory } from "./secret-directory.ts";
export { writeFileAtomically } from "./write-file-atomically.ts";
