import type { AuditEvent, AuditSink } from "../core/index.ts";

/** Audited and not yet stored: so many reports of a hundred denials may fail at once before one is audited twice. */
const REMEMBERED = 20_000;

export interface AuditOnce {
  /** Resolves when the event of this key is in the log, which it enters once until `forget`. */
  write(key: string, event: AuditEvent): Promise<void>;
  /** Its report is stored, and will not come again. */
  forget(key: string): void;
}

/**
 * Events of reports that are repeated until they are stored. A failed write is tried again by the next repetition; the
 * oldest keys are forgotten first, and a restart forgets all: then a line is doubled, never lost.
 */
export function createAuditOnce(audit: AuditSink, remembered = REMEMBERED): AuditOnce {
  const written = new Map<string, Promise<void>>();

  const start = (key: string, event: AuditEvent): Promise<void> => {
    const writing = audit.write(event);
    written.set(key, writing);
    writing.catch(() => {
      if (written.get(key) === writing) written.delete(key);
    });
    for (const oldest of written.keys()) {
      if (written.size <= remembered) break;
      written.delete(oldest);
    }
    return writing;
  };

  return {
    write: (key, event) => written.get(key) ?? start(key, event),
    forget: (key) => void written.delete(key),
  };
}
