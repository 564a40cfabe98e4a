export {
  type AuditHead,
  auditKeyId,
  formatAuditHead,
  isSignedBy,
  parseAuditHead,
  parseAuditKey,
  type SignedAuditHead,
  signAuditHead,
} from "./audit-head.ts";
export { type AuditLine, formatAuditLine, hashAuditLine, NO_LINE, parseAuditLine } from "./audit-line.ts";
export { AUDIT_HEAD_FILE, AUDIT_KEY_FILE, firstSeqOf, segmentName } from "./audit-segment.ts";
export { createDegradingSink, type DegradingSink } from "./degrading-sink.ts";
export { readLines } from "./line-reader.ts";
export { continueAfter, type FoundHead, type LogEnd, readLogEnd } from "./log-end.ts";
export type { AuditLogFiles, AuditSegment } from "./ports.ts";
export { type AuditFilter, matchesFilter, queryAuditLog } from "./query-audit-log.ts";
export {
  type AuditProblem,
  type AuditVerification,
  type VerifyAuditOptions,
  verifyAuditLog,
} from "./verify-audit-log.ts";
export { createWatchedSink } from "./watched-sink.ts";
