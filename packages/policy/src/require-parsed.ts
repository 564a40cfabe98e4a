import { SymbolonError } from "@symbolon/spiffe/core";
import { type Finding, formatFinding, type ParseResult } from "./document/index.ts";
import type { PolicyErrorCode } from "./errors.ts";

/**
 * The value of a parse, for callers to whom a mistake in the document is exceptional. `details.findings` has all of it.
 * @throws ERR_POLICY_INVALID
 */
export function requireParsed<T>(result: ParseResult<T>): T {
  if (result.kind === "parsed") return result.value;
  throw invalidPolicy(result.findings);
}

function invalidPolicy(findings: readonly Finding[]): SymbolonError<PolicyErrorCode> {
  const errors = findings.filter((finding) => finding.severity === "error");
  const first = errors[0];
  const message = first ? formatFinding(first) : "the document has no object";
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  return new SymbolonError("ERR_POLICY_INVALID", `${message}${more}`, { details: { findings } });
}
