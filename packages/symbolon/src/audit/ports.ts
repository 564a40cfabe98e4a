import type { SignedAuditHead } from "./audit-head.ts";

/** What lies in one log's directory. */
export interface AuditLogFiles {
  /** Name of the log, such as "control-plane". */
  readonly log: string;
  /** In the order of their lines. */
  readonly segments: readonly AuditSegment[];
  /** Content of the head and key files; undefined when there is none. */
  readonly head: Buffer | undefined;
  readonly publicKeyPem: Buffer | undefined;
}

export interface AuditSegment {
  readonly name: string;
  /** As its name says. */
  readonly firstSeq: number;
  read(): AsyncIterable<Buffer>;
}

export type { SignedAuditHead };
