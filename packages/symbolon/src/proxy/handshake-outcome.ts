/** What the runtime has to say of a certificate chain that its own roots do not know, as they know none of a mesh. */
const CERTIFICATE_VERDICTS: ReadonlySet<string> = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "CERT_SIGNATURE_FAILURE",
  "CERT_NOT_YET_VALID",
  "CERT_HAS_EXPIRED",
  "CERT_CHAIN_TOO_LONG",
  "CERT_UNTRUSTED",
  "CERT_REJECTED",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
  "UNSPECIFIED",
]);

/**
 * Whether a handshake came to its end. Bun tells of one that failed (EPROTO, ECONNRESET) in the same callback, at a time
 * when the peer's certificate may be known already: of a peer that could not prove to have its key. `success` alone does
 * not say: with a client it means that the runtime's own roots vouch for the server. Unknown codes are failures.
 */
export function handshakeCompleted(success: boolean, error: { readonly code?: unknown } | null | undefined): boolean {
  return success || CERTIFICATE_VERDICTS.has(String(error?.code));
}
