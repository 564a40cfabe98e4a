import { spiffeError } from "../core/index.ts";
import { contextConstructed } from "./der.ts";
import { encodeBitString, encodeElement, encodeInteger, encodeSequence, encodeTime } from "./der-writer.ts";
import { type ExtensionsTemplate, encodeExtensionsIfAny } from "./extension-encoding.ts";
import { encodeName, type NameAttribute } from "./name.ts";

/** Everything that a certificate says (RFC 5280 §4.1.2), before anybody has signed it. */
export interface CertificateTemplate extends ExtensionsTemplate {
  readonly serialNumber: bigint;
  /** Attributes, or the DER of a Name: an issuer's name is copied byte by byte from its certificate. */
  readonly issuer: readonly NameAttribute[] | Uint8Array;
  readonly subject: readonly NameAttribute[] | Uint8Array;
  /** To the second: fractions are cut. */
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** DER AlgorithmIdentifier of the signature to come: `signatureAlgorithmFor(issuer's key)`. */
  readonly signatureAlgorithm: Uint8Array;
}

/**
 * DER of the TBSCertificate. It is not judged: lint it, then sign exactly these bytes.
 * @throws ERR_X509_TEMPLATE_INVALID for what has no encoding at all
 */
export function buildTbsCertificate(template: CertificateTemplate): Uint8Array {
  const extensions = encodeExtensionsIfAny(template);
  return encodeSequence(
    VERSION_3,
    encodeInteger(template.serialNumber),
    template.signatureAlgorithm,
    nameDer(template.issuer),
    encodeValidity(template.notBefore, template.notAfter),
    nameDer(template.subject),
    template.spki,
    ...(extensions ? [encodeElement(contextConstructed(3), extensions)] : []),
  );
}

/** DER of the certificate: the signed bytes, the algorithm and the signature. */
export function assembleCertificate(
  tbsDer: Uint8Array,
  signatureAlgorithm: Uint8Array,
  signature: Uint8Array,
): Uint8Array {
  return encodeSequence(tbsDer, signatureAlgorithm, encodeBitString(signature));
}

/** `[0] EXPLICIT Version`. */
export const VERSION_3 = encodeElement(contextConstructed(0), encodeInteger(2n));

/** RFC 5280 §4.1.2.5. @throws ERR_X509_TEMPLATE_INVALID */
export function encodeValidity(notBefore: Date, notAfter: Date): Uint8Array {
  for (const date of [notBefore, notAfter]) {
    const year = date.getUTCFullYear();
    if (!(year >= 0 && year <= 9999))
      throw spiffeError("ERR_X509_TEMPLATE_INVALID", "date is outside the years 0 to 9999");
  }
  return encodeSequence(encodeTime(notBefore), encodeTime(notAfter));
}

function nameDer(name: readonly NameAttribute[] | Uint8Array): Uint8Array {
  return name instanceof Uint8Array ? name : encodeName(name);
}
