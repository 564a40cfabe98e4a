import { type ErrorCatalogue, SymbolonError } from "./errors.ts";

const peerRow = { fault: "peer", status: "invalid_argument" } as const;
const callerRow = { fault: "caller", status: "invalid_argument" } as const;
const untrustedRow = { fault: "peer", status: "unauthenticated" } as const;

/**
 * Every error of `@symbolon/spiffe`. Parsers blame the caller, who may turn that into its peer's fault;
 * verifiers blame the peer.
 */
export const SPIFFE_ERRORS = {
  ERR_BUNDLE_AUTHORITY_NOT_CA: { fault: "operator", status: "invalid_argument" },
  ERR_BUNDLE_NOT_FOUND: untrustedRow,
  ERR_CSR_MALFORMED: callerRow,
  ERR_CSR_SIGNATURE_INVALID: callerRow,
  ERR_DER_MALFORMED: callerRow,
  ERR_DER_TOO_DEEP: callerRow,
  ERR_DER_TOO_LARGE: callerRow,
  ERR_DER_TRAILING_BYTES: callerRow,
  ERR_DER_UNEXPECTED_TAG: callerRow,
  ERR_JWT_ALGORITHM_NOT_ALLOWED: untrustedRow,
  ERR_JWT_AUDIENCE: untrustedRow,
  ERR_JWT_CLAIM_INVALID: untrustedRow,
  ERR_JWT_CRITICAL_HEADER: untrustedRow,
  ERR_JWT_EXPIRED: untrustedRow,
  ERR_JWT_ISSUER: untrustedRow,
  ERR_JWT_KEY_NOT_FOUND: untrustedRow,
  ERR_JWT_KEY_SET_INVALID: { fault: "operator", status: "invalid_argument" },
  ERR_JWT_MALFORMED: untrustedRow,
  ERR_JWT_NOT_YET_VALID: untrustedRow,
  ERR_JWT_SIGNATURE_INVALID: untrustedRow,
  ERR_JWT_TOO_LARGE: untrustedRow,
  ERR_KEY_CURVE: callerRow,
  ERR_KEY_EXPONENT: callerRow,
  ERR_KEY_MALFORMED: callerRow,
  ERR_KEY_MODULUS: callerRow,
  ERR_KEY_POINT: callerRow,
  ERR_KEY_SIZE: callerRow,
  ERR_KEY_UNSUPPORTED: callerRow,
  ERR_PEM_MALFORMED: callerRow,
  ERR_PEM_NO_BLOCK: callerRow,
  ERR_PEM_SEVERAL_BLOCKS: callerRow,
  ERR_PEM_SURROUNDING_TEXT: callerRow,
  ERR_PEM_TOO_LARGE: callerRow,
  ERR_PEM_UNEXPECTED_LABEL: callerRow,
  ERR_SPIFFE_ID_DOT_SEGMENT: callerRow,
  ERR_SPIFFE_ID_EMPTY: callerRow,
  ERR_SPIFFE_ID_EMPTY_SEGMENT: callerRow,
  ERR_SPIFFE_ID_LEADING_SLASH: callerRow,
  ERR_SPIFFE_ID_PATH_CHARACTER: callerRow,
  ERR_SPIFFE_ID_SCHEME: callerRow,
  ERR_SPIFFE_ID_TOO_LONG: callerRow,
  ERR_SPIFFE_ID_TRAILING_SLASH: callerRow,
  ERR_SPIFFE_ID_TRUST_DOMAIN_CHARACTER: callerRow,
  ERR_SPIFFE_ID_TRUST_DOMAIN_MISSING: callerRow,
  ERR_SVID_CERTIFICATE_UNREADABLE: peerRow,
  ERR_SVID_EMPTY_CHAIN: untrustedRow,
  ERR_SVID_EXT_KEY_USAGE: untrustedRow,
  ERR_SVID_KEY_MISMATCH: callerRow,
  ERR_SVID_KEY_UNREADABLE: callerRow,
  ERR_SVID_LEAF_CA: untrustedRow,
  ERR_SVID_LEAF_CRL_SIGN: untrustedRow,
  ERR_SVID_LEAF_DIGITAL_SIGNATURE: untrustedRow,
  ERR_SVID_LEAF_KEY_CERT_SIGN: untrustedRow,
  ERR_SVID_NO_URI_SAN: untrustedRow,
  ERR_SVID_PATH_MISSING: untrustedRow,
  ERR_SVID_SEVERAL_URI_SANS: untrustedRow,
  ERR_SVID_SIGNING_NOT_CA: callerRow,
  ERR_SVID_SIGNING_KEY_CERT_SIGN: callerRow,
  ERR_SVID_SPIFFE_ID_INVALID: untrustedRow,
  ERR_SVID_UNTRUSTED: untrustedRow,
  ERR_X509_CRITICAL_EXTENSION: untrustedRow,
  ERR_X509_DUPLICATE_EXTENSION: callerRow,
  ERR_X509_EXPIRED: untrustedRow,
  ERR_X509_EXTENSION_MALFORMED: callerRow,
  ERR_X509_KEY_CERT_SIGN: untrustedRow,
  ERR_X509_MALFORMED: callerRow,
  ERR_X509_NAME_CONSTRAINTS: untrustedRow,
  ERR_X509_NOT_CA: untrustedRow,
  ERR_X509_NOT_YET_VALID: untrustedRow,
  ERR_X509_PATH_LENGTH: untrustedRow,
  ERR_X509_SIGNATURE_ALGORITHM: callerRow,
  ERR_X509_SIGNATURE_INVALID: untrustedRow,
  ERR_X509_TEMPLATE_INVALID: callerRow,
  ERR_X509_TOO_MANY_CERTIFICATES: untrustedRow,
  ERR_X509_UNKNOWN_AUTHORITY: untrustedRow,
  ERR_X509_WORK_LIMIT: untrustedRow,
} as const satisfies ErrorCatalogue;

export type SpiffeErrorCode = keyof typeof SPIFFE_ERRORS;

/** Typed constructor of this package's errors: a code without a row in `SPIFFE_ERRORS` does not compile. */
export function spiffeError<Code extends SpiffeErrorCode>(
  code: Code,
  message: string,
  options: { details?: Record<string, unknown>; cause?: unknown } = {},
): SymbolonError<Code> {
  return new SymbolonError(code, message, options);
}
