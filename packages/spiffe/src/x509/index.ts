export { assembleCertificate, buildTbsCertificate, type CertificateTemplate } from "./build-certificate.ts";
export {
  type Certificate,
  certificatesToDer,
  certificatesToPem,
  certificateToPem,
  parseCertificate,
  parseCertificateOf,
  parseCertificatesDer,
  parseCertificatesPem,
  parseTbsCertificate,
  type TbsCertificate,
} from "./certificate.ts";
export { buildPath, type CertificatePath, DEFAULT_PATH_LIMITS, type PathLimits } from "./chain.ts";
export {
  type CertificateSigningRequest,
  type CertificateSigningRequestOptions,
  certificateSigningRequestToPem,
  createCertificateSigningRequest,
  parseCertificateSigningRequest,
  parseCertificateSigningRequestFromPem,
  verifyCsrSignature,
} from "./csr.ts";
export type { ExtensionsTemplate } from "./extension-encoding.ts";
export type {
  BasicConstraints,
  Extensions,
  ExtKeyUsage,
  KeyUsage,
  KeyUsageName,
  RawExtension,
  SubjectAltName,
} from "./extensions.ts";
export type { GeneralNames, GeneralNamesTemplate } from "./general-names.ts";
export {
  createKeyPair,
  KEY_KINDS,
  type KeyKind,
  type KeyPair,
  keyIdentifier,
  keyPairOf,
  parsePrivateKeyPem,
  spkiOf,
} from "./key-pair.ts";
export { createLeafTemplate, type LeafConstants, type LeafFields, type LeafTemplate } from "./leaf-template.ts";
export {
  type LintFinding,
  type LintOptions,
  type LintSeverity,
  lintCertificate,
} from "./lint-certificate.ts";
export { encodeName, type Name, type NameAttribute } from "./name.ts";
export type { NameConstraints, Subtree } from "./name-constraints.ts";
export { OID } from "./oid.ts";
export { encodePem, type PemBlock, type PemOptions, parsePem, parseSinglePem } from "./pem.ts";
export { checkPublicKeyPolicy, type PublicKeyInfo } from "./public-key.ts";
export {
  type DerSignature,
  signatureAlgorithmFor,
  signDer,
  verifySignature,
} from "./signature.ts";
