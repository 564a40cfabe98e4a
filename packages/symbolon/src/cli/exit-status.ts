/** Documented exit statuses (ADR 6, docs/reference/cli.md), from sysexits.h where one fits. */
export const EXIT = { ok: 0, failed: 1, usage: 64, badInput: 65, unavailable: 69, findings: 79 } as const;
/** Of the questions `authz can` and `authz explain`: 0 and 1 as `grep` has them. */
export const ANSWER_EXIT = { allow: 0, deny: 1, unknown: 2 } as const;

/** Ends a command with a status and, when given, one message on standard error. */
export class CommandExit extends Error {
  readonly status: number;

  constructor(status: number, message = "") {
    super(message);
    this.status = status;
  }
}
