import { type Certificate, createLeafTemplate, keyIdentifier, type LeafTemplate, OID } from "@symbolon/spiffe/x509";

/** What every certificate of ours says, whoever it is for (X509-SVID §4; istio-security §5.1). */
export function leafTemplateOf(issuer: Certificate, signatureAlgorithm: Uint8Array): LeafTemplate {
  return createLeafTemplate({
    signatureAlgorithm,
    issuer: issuer.subject.der,
    basicConstraints: { ca: false },
    keyUsage: ["digitalSignature"],
    extKeyUsage: [OID.serverAuth, OID.clientAuth],
    authorityKeyId: issuer.extensions.subjectKeyId ?? keyIdentifier(issuer.spki),
  });
}
