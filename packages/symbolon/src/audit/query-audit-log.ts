import { type AuditLine, parseAuditLine } from "./audit-line.ts";
import { readLines } from "./line-reader.ts";
import type { AuditLogFiles } from "./ports.ts";

/** What a line must be; an absent field lets every line pass. */
export interface AuditFilter {
  /** Kind, or its beginning up to a dot: "certificate" matches "certificate.issue". */
  readonly kind?: string;
  readonly outcome?: string;
  readonly code?: string;
  /** Texts that must occur in the field. */
  readonly actor?: string;
  readonly subject?: string;
  readonly since?: Date;
  readonly until?: Date;
}

export function matchesFilter(line: AuditLine, filter: AuditFilter): boolean {
  const { kind, outcome, code, actor, subject, since, until } = filter;
  if (kind !== undefined && line.kind !== kind && !line.kind.startsWith(`${kind}.`)) return false;
  if (outcome !== undefined && line.outcome !== outcome) return false;
  if (code !== undefined && line.code !== code) return false;
  if (actor !== undefined && !line.actor.includes(actor)) return false;
  if (subject !== undefined && line.subject?.includes(subject) !== true) return false;
  const time = Date.parse(line.time);
  return (since === undefined || time >= since.getTime()) && (until === undefined || time <= until.getTime());
}

/** Calls `onLine` for each matching line of one log, oldest first. Lines that are none are left to `verifyAuditLog`. */
export async function queryAuditLog(
  files: AuditLogFiles,
  filter: AuditFilter,
  onLine: (line: AuditLine) => void,
): Promise<void> {
  for (const segment of files.segments)
    await readLines(segment.read(), (bytes) => {
      const line = parseAuditLine(bytes);
      if (line !== undefined && matchesFilter(line, filter)) onLine(line);
    });
}
