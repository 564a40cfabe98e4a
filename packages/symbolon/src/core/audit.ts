/** What happened, to whom, by whom, on which authority. One JSON object a line in the audit file. */
export interface AuditEvent {
  readonly kind: AuditKind;
  readonly outcome: AuditOutcome;
  /** Who asked: a SPIFFE ID, a service account name, or "unauthenticated". */
  readonly actor: string;
  /** On what: the SPIFFE ID that a certificate is for, the object that was changed. */
  readonly subject?: string;
  /** By which rule or credential: the authenticator's name, the file of an object. */
  readonly authority?: string;
  /** Error code when refused or failed. */
  readonly code?: string;
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

export const AUDIT_OUTCOMES = ["success", "refused", "failure", "started"] as const;
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

export const AUDIT_KINDS = [
  "certificate.issue",
  /** A JWT-SVID. */
  "token.issue",
  /** A key for JWT-SVIDs was prepared, retired or removed. */
  "key.change",
  "configuration.change",
  "identity.deliver",
  /** A policy refused a connection or a request. */
  "connection.deny",
  "request.deny",
  /** A command that changes or enters what is running, without being a configuration change. */
  "command.run",
  "mesh.start",
  "mesh.stop",
  /** The log about itself: lines of a crashed process taken over; a log that is not what was signed; events lost to a full disk. */
  "audit.resume",
  "audit.damaged",
  "audit.gap",
] as const;
export type AuditKind = (typeof AUDIT_KINDS)[number];

/** Resolves once the line is as durable as the sink promises; a rejection must stop what was about to take effect. */
export interface AuditSink {
  write(event: AuditEvent): Promise<void>;
}
