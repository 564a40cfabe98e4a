import { isSymbolonError, type SymbolonError } from "@symbolon/spiffe/core";
import { EXIT } from "../exit-status.ts";
import { printStructured } from "../output.ts";
import { printable } from "../printable.ts";
import { isoSeconds, relativeTo } from "./times.ts";
import { adviceFor, hasAdvice } from "./verdict-advice.ts";

/** A time that the verdict rests on, beside the clock of this machine. */
export interface ClaimedTime {
  /** "valid to", "issued at" */
  readonly name: string;
  readonly time: Date;
}

/** What `-o json` prints; absent members do not apply. */
export interface Verdict {
  readonly verdict: "accepted" | "refused";
  readonly spiffeId?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly rule?: string;
  readonly next?: string;
  /** Which certificate: "leaf", "certificate 2 (O=...)". */
  readonly certificate?: string;
  /** Clock of this machine, or `--time`. */
  readonly now: string;
  readonly times: readonly { readonly name: string; readonly time: string }[];
  readonly notes: readonly string[];
  readonly [more: string]: unknown;
}

/** @returns the code of the innermost cause that there is advice for: of the path's fault, or of the signature behind it */
function preciseCode(error: SymbolonError): string {
  const inner = isSymbolonError(error.cause) ? preciseCode(error.cause) : error.code;
  return hasAdvice(inner) ? inner : error.code;
}

/** @throws what is no refusal */
export function refusal(
  error: unknown,
  facts: {
    readonly now: Date;
    readonly times: readonly ClaimedTime[];
    readonly notes: readonly string[];
    readonly certificate?: string;
    readonly spiffeId?: string;
  },
): Verdict {
  if (!isSymbolonError(error)) throw error;
  const reason = preciseCode(error);
  const { certificate, spiffeId, notes, now, times } = facts;
  return {
    verdict: "refused",
    ...(spiffeId === undefined ? {} : { spiffeId }),
    reason,
    message: error.message,
    ...adviceFor(reason),
    ...(certificate === undefined ? {} : { certificate }),
    now: isoSeconds(now),
    times: times.map(({ name, time }) => ({ name, time: isoSeconds(time) })),
    notes,
  };
}

/** Prints it, and sets the status: 0 accepted, 1 refused. */
export function printVerdict(verdict: Verdict, format: "json" | undefined): void {
  if (verdict.verdict === "refused") process.exitCode = EXIT.failed;
  if (format) return printStructured(format, verdict);
  const { spiffeId, message, reason, certificate, rule, next, now, times, notes } = verdict;
  const rows: (readonly [string, string])[] = [];
  if (spiffeId !== undefined) rows.push(["SPIFFE ID", spiffeId]);
  if (message !== undefined) rows.push(["why", `${message} (${reason})`]);
  if (certificate !== undefined) rows.push(["certificate", certificate]);
  if (rule !== undefined) rows.push(["rule", rule]);
  rows.push(["clock here", now]);
  for (const { name, time } of times) rows.push([name, `${time} (${relativeTo(new Date(time), new Date(now))})`]);
  for (const note of notes) rows.push(["note", note]);
  if (next !== undefined) rows.push(["next step", next]);
  console.log(verdict.verdict);
  for (const [name, value] of rows) console.log(`  ${name.padEnd(14)} ${printable(value)}`);
}
