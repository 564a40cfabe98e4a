export { AUDIT_KINDS, AUDIT_OUTCOMES, type AuditEvent, type AuditKind, type AuditSink } from "./audit.ts";
export { errorInfo, PRODUCT_ERRORS, type ProductErrorCode, productError } from "./errors.ts";
export { accessRecordsFile, type MeshPaths, meshPaths, type PodPaths, requireSocketPathLength } from "./mesh-paths.ts";
export { createOutageWatch, type Outage, type OutageWatch, outageText } from "./outage-watch.ts";
export { privateKeyPem } from "./private-key-pem.ts";
export { compareAge, compareEntries, type RegistrationEntry } from "./registration-entry.ts";
