/** Documented exit statuses (ADR 6), from sysexits.h where one fits. */
export const EXIT = { ok: 0, failed: 1, usage: 64, badInput: 65, unavailable: 69 } as const;

/** Ends a command with a status and, when given, one message on standard error. */
export class CommandExit extends Error {
  readonly status: number;

  constructor(status: number, message = "") {
    super(message);
    this.status = status;
  }
}
