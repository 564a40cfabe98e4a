import { POLICY_ERRORS } from "@symbolon/policy/errors";
import { type ErrorCatalogue, type ErrorInfo, SPIFFE_ERRORS, SymbolonError } from "@symbolon/spiffe/core";

/**
 * The product's own rows. A code exists only by having a row; cause and fix of each are in docs/reference/errors.md,
 * which a test compares with this table.
 */
export const PRODUCT_ERRORS = {
  ERR_ADDRESS_RANGE_EXHAUSTED: { fault: "operator", status: "resource_exhausted" },
  ERR_ADDRESS_UNUSABLE: { fault: "operator", status: "invalid_argument" },
  ERR_AGENT_CERTIFICATE_REFUSED: { fault: "peer", status: "failed_precondition" },
  ERR_AGENT_ORDER_REFUSED: { fault: "us", status: "failed_precondition" },
  ERR_AGENT_TOKEN_MISSING: { fault: "operator", status: "failed_precondition" },
  ERR_API_REQUEST_INVALID: { fault: "caller", status: "invalid_argument" },
  ERR_API_UNREACHABLE: { fault: "operator", status: "unavailable" },
  ERR_AUDIT_FULL: { fault: "operator", status: "resource_exhausted" },
  ERR_AUDIT_UNWRITABLE: { fault: "operator", status: "unavailable" },
  ERR_CA_AUTHENTICATION_FAILED: { fault: "peer", status: "unauthenticated" },
  ERR_CA_CALL_ABANDONED: { fault: "caller", status: "unavailable" },
  ERR_CA_CALL_REFUSED: { fault: "caller", status: "failed_precondition" },
  ERR_CA_CALL_RETRYABLE: { fault: "peer", status: "unavailable" },
  ERR_CA_CALL_TOO_LATE: { fault: "us", status: "deadline_exceeded" },
  ERR_CA_CLOCK_BACKWARDS: { fault: "operator", status: "unavailable" },
  ERR_CA_EXPIRED: { fault: "operator", status: "unavailable" },
  ERR_CA_FILES_INVALID: { fault: "operator", status: "failed_precondition" },
  ERR_CA_IMPERSONATION_REFUSED: { fault: "peer", status: "unauthenticated" },
  ERR_CA_RENEWAL_REFUSED: { fault: "peer", status: "unauthenticated" },
  ERR_CA_LIFETIME_TOO_LONG: { fault: "caller", status: "invalid_argument" },
  ERR_CA_LINT_FAILED: { fault: "us", status: "internal" },
  ERR_CA_OUTPUT_WRONG: { fault: "us", status: "internal" },
  ERR_CA_OVERLOADED: { fault: "us", status: "resource_exhausted" },
  ERR_CA_PASSPHRASE: { fault: "operator", status: "failed_precondition" },
  ERR_CA_REQUEST_TOO_LARGE: { fault: "caller", status: "resource_exhausted" },
  ERR_CONFIG_INVALID: { fault: "operator", status: "invalid_argument" },
  ERR_CONTAINER_START: { fault: "operator", status: "failed_precondition" },
  ERR_CSR_IDENTITY_MISMATCH: { fault: "caller", status: "invalid_argument" },
  ERR_CSR_KEY_REUSED: { fault: "caller", status: "invalid_argument" },
  ERR_DASHBOARD_PORT: { fault: "operator", status: "failed_precondition" },
  ERR_DATABASE_UNUSABLE: { fault: "operator", status: "failed_precondition" },
  ERR_FILE_IN_THE_WAY: { fault: "operator", status: "invalid_argument" },
  ERR_FILE_UNREADABLE: { fault: "operator", status: "failed_precondition" },
  ERR_FILE_UNSAFE: { fault: "operator", status: "failed_precondition" },
  ERR_FILE_UNWRITABLE: { fault: "operator", status: "failed_precondition" },
  ERR_IMAGE_MAP_INVALID: { fault: "operator", status: "invalid_argument" },
  ERR_IMAGE_UNKNOWN: { fault: "operator", status: "invalid_argument" },
  ERR_FRAME_INVALID: { fault: "peer", status: "invalid_argument" },
  ERR_INTERNAL_BUG: { fault: "us", status: "internal" },
  ERR_ISSUANCE_LOG_FULL: { fault: "operator", status: "resource_exhausted" },
  ERR_ISSUANCE_LOG_UNAVAILABLE: { fault: "operator", status: "unavailable" },
  ERR_JWKS_ADDRESS_FORBIDDEN: { fault: "operator", status: "permission_denied" },
  ERR_JWKS_FETCH: { fault: "operator", status: "unavailable" },
  ERR_JWKS_INVALID: { fault: "operator", status: "unavailable" },
  ERR_JWT_SVID_REQUEST_INVALID: { fault: "caller", status: "invalid_argument" },
  ERR_LISTEN_FAILED: { fault: "operator", status: "unavailable" },
  ERR_MANIFEST_INVALID: { fault: "operator", status: "invalid_argument" },
  ERR_MESH_ALREADY_RUNNING: { fault: "operator", status: "failed_precondition" },
  ERR_MESH_START: { fault: "operator", status: "failed_precondition" },
  ERR_NAMESPACES_FORBIDDEN: { fault: "operator", status: "failed_precondition" },
  ERR_NETWORK_SETUP: { fault: "operator", status: "failed_precondition" },
  ERR_OBJECT_NOT_FOUND: { fault: "caller", status: "not_found" },
  ERR_OBJECT_OWNED_BY_FILE: { fault: "caller", status: "failed_precondition" },
  ERR_PEER_CREDENTIALS: { fault: "peer", status: "permission_denied" },
  ERR_PORT_CONFLICT: { fault: "operator", status: "failed_precondition" },
  ERR_PROCESS_HARDENING: { fault: "operator", status: "failed_precondition" },
  ERR_PROCESS_NOT_FOUND: { fault: "caller", status: "not_found" },
  ERR_PROGRAM_MISSING: { fault: "operator", status: "failed_precondition" },
  ERR_PROXY_UNREACHABLE: { fault: "operator", status: "unavailable" },
  ERR_SECRET_FILE: { fault: "caller", status: "invalid_argument" },
  ERR_SECRET_NOT_ENTITLED: { fault: "caller", status: "invalid_argument" },
  ERR_SECRET_REQUEST_INVALID: { fault: "caller", status: "invalid_argument" },
  ERR_SOCKET_IN_USE: { fault: "operator", status: "failed_precondition" },
  ERR_SOCKET_OPTION: { fault: "us", status: "internal" },
  ERR_SOCKET_PATH_UNSAFE: { fault: "operator", status: "failed_precondition" },
  ERR_STATE_DIRECTORY: { fault: "operator", status: "failed_precondition" },
  ERR_STATE_UNREADABLE: { fault: "operator", status: "failed_precondition" },
  ERR_STATE_UNWRITABLE: { fault: "operator", status: "unavailable" },
  ERR_TOKEN_REFUSED: { fault: "peer", status: "unauthenticated" },
  ERR_WORKLOAD_ATTESTATION: { fault: "peer", status: "unavailable" },
  ERR_WORKLOAD_NOT_ENTITLED: { fault: "operator", status: "permission_denied" },
  ERR_WORKLOAD_REQUEST_INVALID: { fault: "caller", status: "invalid_argument" },
} as const satisfies ErrorCatalogue;

export type ProductErrorCode = keyof typeof PRODUCT_ERRORS;

const ERRORS: Readonly<Record<string, ErrorInfo>> = { ...SPIFFE_ERRORS, ...POLICY_ERRORS, ...PRODUCT_ERRORS };

/** Any coded error's fault and status; a code without a row here is a bug of ours and answers as one. */
export function errorInfo(error: SymbolonError): ErrorInfo {
  const known = Object.hasOwn(ERRORS, error.code) ? ERRORS[error.code] : undefined;
  return known ?? PRODUCT_ERRORS.ERR_INTERNAL_BUG;
}

/** Typed constructor of the product's errors. */
export function productError(
  code: ProductErrorCode,
  message: string,
  options: { details?: Record<string, unknown>; cause?: unknown } = {},
): SymbolonError<ProductErrorCode> {
  return new SymbolonError(code, message, options);
}
