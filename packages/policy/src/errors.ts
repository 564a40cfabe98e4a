import { type ErrorCatalogue, SymbolonError } from "@symbolon/spiffe/core";
import { type Finding, formatFinding, type ParseResult } from "./document/index.ts";

/** Every error that this package throws. Mistakes in documents are findings, not errors; see `requireParsed`. */
export const POLICY_ERRORS = {
  ERR_POLICY_INVALID: { fault: "operator", status: "invalid_argument" },
} as const satisfies ErrorCatalogue;

export type PolicyErrorCode = keyof typeof POLICY_ERRORS;

/**
 * The value of a parse, for callers to whom a mistake in the document is exceptional. `details.findings` has all of it.
 * @throws ERR_POLICY_INVALID
 */
export function requireParsed<T>(result: ParseResult<T>): T {
  if (result.kind === "parsed") return result.value;
  throw invalidPolicy(result.findings);
}

/** For what the parser refuses and a hand-made policy may still have: deciding without it would change its meaning. */
export function invalidAuthorization(message: string): SymbolonError<PolicyErrorCode> {
  return new SymbolonError("ERR_POLICY_INVALID", message);
}

function invalidPolicy(findings: readonly Finding[]): SymbolonError<PolicyErrorCode> {
  const errors = findings.filter((finding) => finding.severity === "error");
  const first = errors[0];
  const message = first ? formatFinding(first) : "the document has no object";
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  return new SymbolonError("ERR_POLICY_INVALID", `${message}${more}`, { details: { findings } });
}
