import { equalBytes } from "@symbolon/spiffe/core";
import type { SpiffeId } from "@symbolon/spiffe/id";
import {
  type CertificateSigningRequest,
  parseCertificateSigningRequestFromPem,
  verifyCsrSignature,
} from "@symbolon/spiffe/x509";
import { productError } from "../core/index.ts";
import type { SigningAuthority } from "./signing-authority.ts";

/**
 * Reads one CSR, applies the key policy, and has the requester's proof that it holds the key (SR-15, SR-16).
 * @throws ERR_CSR_MALFORMED, ERR_CSR_SIGNATURE_INVALID, ERR_KEY_*, ERR_CSR_KEY_REUSED
 */
export function verifyCsr(csrPem: string, authority: SigningAuthority): CertificateSigningRequest {
  return verifyParsedCsr(parseCertificateSigningRequestFromPem(csrPem), authority);
}

/** The same for one that is read already. @throws ERR_CSR_SIGNATURE_INVALID, ERR_KEY_*, ERR_CSR_KEY_REUSED */
export function verifyParsedCsr(
  csr: CertificateSigningRequest,
  authority: SigningAuthority,
): CertificateSigningRequest {
  verifyCsrSignature(csr);
  const authorities = [authority.certificate, ...authority.intermediates, ...authority.bundle.x509Authorities];
  if (authorities.some(({ spki }) => equalBytes(spki, csr.spki)))
    throw productError("ERR_CSR_KEY_REUSED", "the public key of the request is a certificate authority's");
  return csr;
}

/**
 * Strict mode (SR-14): the certificate says what the caller has proved, whatever the request says; a request that names
 * anything else is refused all the same, so that a bug, or an attack, is seen. A request without names is fine.
 * @throws ERR_CSR_IDENTITY_MISMATCH
 */
export function checkRequestedNames(csr: CertificateSigningRequest, spiffeId: SpiffeId): void {
  const names = csr.requestedExtensions.subjectAltName;
  if (!names) return;
  const foreign = [
    ...names.uris.filter((uri) => uri !== spiffeId.toString()).map((uri) => `URI "${uri}"`),
    ...names.dnsNames.map((name) => `DNS name "${name}"`),
    ...names.ipAddresses.map((address) => `IP address "${address}"`),
    ...names.emails.map((email) => `email "${email}"`),
    ...names.directoryNames.map(({ text }) => `directory name "${text}"`),
    ...names.otherForms.map((tag) => `name of form ${tag}`),
  ];
  const [first] = foreign;
  if (first !== undefined)
    throw productError("ERR_CSR_IDENTITY_MISMATCH", `CSR asks for ${shortened(first)}, caller is "${spiffeId}"`);
}

const shortened = (text: string): string => (text.length > 300 ? `${text.slice(0, 300)}..."` : text);
