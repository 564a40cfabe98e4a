import { type ErrorCatalogue, SymbolonError } from "@symbolon/spiffe/core";

/** Every error that this package throws. Mistakes in documents are findings, not errors; see `requireParsed`. */
export const POLICY_ERRORS = {
  ERR_POLICY_INVALID: { fault: "operator", status: "invalid_argument" },
} as const satisfies ErrorCatalogue;

export type PolicyErrorCode = keyof typeof POLICY_ERRORS;

/** For what the parser refuses and a hand-made policy may still have: deciding without it would change its meaning. */
export function invalidAuthorization(message: string): SymbolonError<PolicyErrorCode> {
  return new SymbolonError("ERR_POLICY_INVALID", message);
}
