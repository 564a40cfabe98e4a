import { type ErrorCatalogue, type ErrorInfo, SymbolonError } from "@symbolon/spiffe/core";

/**
 * The product's own rows. A code exists only by having a row; cause and fix of each are in docs/reference/errors.md,
 * which a test compares with this table.
 */
export const PRODUCT_ERRORS = {
  ERR_CONFIG_INVALID: { fault: "operator", status: "invalid_argument" },
  ERR_INTERNAL_BUG: { fault: "us", status: "internal" },
} as const satisfies ErrorCatalogue;

export type ProductErrorCode = keyof typeof PRODUCT_ERRORS;

/** Any coded error's fault and status; a code without a row here is a bug of ours and answers as one. */
export function errorInfo(error: SymbolonError): ErrorInfo {
  return (PRODUCT_ERRORS as Readonly<Record<string, ErrorInfo>>)[error.code] ?? PRODUCT_ERRORS.ERR_INTERNAL_BUG;
}

/** Typed constructor of the product's errors. */
export function productError(
  code: ProductErrorCode,
  message: string,
  options: { details?: Record<string, unknown>; cause?: unknown } = {},
): SymbolonError<ProductErrorCode> {
  return new SymbolonError(code, message, options);
}
