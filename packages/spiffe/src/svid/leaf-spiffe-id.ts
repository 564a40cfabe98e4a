import { isSymbolonError, spiffeError } from "../core/index.ts";
import { SpiffeId } from "../id/index.ts";
import type { TbsCertificate } from "../x509/index.ts";

/**
 * The SPIFFE ID of a certificate: its one URI SAN (X509-SVID §2), read from the DER. Names of other forms, and texts
 * that look like an ID in them, are nothing here (CVE-2021-44532).
 * @throws ERR_SVID_NO_URI_SAN, ERR_SVID_SEVERAL_URI_SANS, ERR_SVID_SPIFFE_ID_INVALID
 */
export function spiffeIdOf(certificate: TbsCertificate): SpiffeId {
  const [uri, ...others] = certificate.extensions.subjectAltName?.uris ?? [];
  if (uri === undefined) throw spiffeError("ERR_SVID_NO_URI_SAN", "certificate contains no URI SAN");
  if (others.length > 0) {
    throw spiffeError("ERR_SVID_SEVERAL_URI_SANS", "certificate contains more than one URI SAN");
  }
  try {
    return SpiffeId.parse(uri);
  } catch (cause) {
    if (!isSymbolonError(cause)) throw cause;
    throw spiffeError("ERR_SVID_SPIFFE_ID_INVALID", cause.message, { cause });
  }
}
