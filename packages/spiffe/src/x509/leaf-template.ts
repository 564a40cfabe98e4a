import { concatBytes } from "../core/index.ts";
import { type CertificateTemplate, encodeValidity, VERSION_3 } from "./build-certificate.ts";
import { contextConstructed } from "./der.ts";
import { encodeElement, encodeInteger, encodeSequence } from "./der-writer.ts";
import {
  type ExtensionsTemplate,
  encodeExtension,
  encodeExtensionList,
  subjectAltNameExtension,
  subjectKeyIdExtension,
} from "./extension-encoding.ts";
import { encodeName } from "./name.ts";

/** What differs from one leaf of an issuer to the next. */
export type LeafFields = Pick<CertificateTemplate, "serialNumber" | "notBefore" | "notAfter" | "spki"> &
  Required<Pick<ExtensionsTemplate, "subjectAltName" | "subjectKeyId">>;

/** What all leaves of an issuer have in common. @see CertificateTemplate */
export interface LeafConstants
  extends Required<Pick<ExtensionsTemplate, "basicConstraints" | "keyUsage" | "extKeyUsage" | "authorityKeyId">> {
  readonly signatureAlgorithm: Uint8Array;
  /** DER of the issuer's Name. */
  readonly issuer: Uint8Array;
}

/** @returns DER of the TBSCertificate. @throws ERR_X509_TEMPLATE_INVALID for what has no encoding at all */
export type LeafTemplate = (fields: LeafFields) => Uint8Array;

const NO_SUBJECT = encodeName([]);

/**
 * Encodes once what an issuer's leaves have in common. A template makes, byte for byte, what `buildTbsCertificate` makes
 * of the same members and an empty subject, in half of the time. Nothing is judged here either: lint what comes out.
 */
export function createLeafTemplate(constants: LeafConstants): LeafTemplate {
  const { signatureAlgorithm, issuer, basicConstraints, keyUsage, extKeyUsage, authorityKeyId } = constants;
  const algorithmAndIssuer = concatBytes(signatureAlgorithm, issuer);
  const usages = encodeExtensionList({ basicConstraints, keyUsage, extKeyUsage });
  const authorityKey = encodeExtensionList({ authorityKeyId });
  return ({ serialNumber, notBefore, notAfter, spki, subjectKeyId, subjectAltName }) => {
    const extensions = encodeSequence(
      usages,
      encodeExtension(subjectKeyIdExtension(subjectKeyId)),
      authorityKey,
      encodeExtension(subjectAltNameExtension(subjectAltName)),
    );
    return encodeSequence(
      VERSION_3,
      encodeInteger(serialNumber),
      algorithmAndIssuer,
      encodeValidity(notBefore, notAfter),
      NO_SUBJECT,
      spki,
      encodeElement(contextConstructed(3), extensions),
    );
  };
}
