import type { Finding } from "./finding.ts";
import type { FindingCollector } from "./finding-collector.ts";

/**
 * parsed: no error was found; `findings` holds warnings and notes only.
 * refused: there is at least one error, and therefore no value, not even a part of one.
 */
export type ParseResult<T> =
  | { readonly kind: "parsed"; readonly value: T; readonly findings: readonly Finding[] }
  | { readonly kind: "refused"; readonly findings: readonly Finding[] };

/** Closes a parse that used this collector alone: any error, wherever it was found, refuses the whole object. */
export function parseResult<T>(value: T | undefined, collector: FindingCollector): ParseResult<T> {
  const { errorCount } = collector;
  const findings = collector.findings.toSorted(comparePositions);
  if (errorCount > 0 || value === undefined) return { kind: "refused", findings };
  return { kind: "parsed", value, findings };
}

/** In the order of the text, which is the order of correcting it; all findings of a parse are of one file. */
function comparePositions({ position: left }: Finding, { position: right }: Finding): number {
  return left.line - right.line || left.column - right.column;
}
