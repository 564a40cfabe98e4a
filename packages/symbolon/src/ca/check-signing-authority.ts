import type { X509Bundle } from "@symbolon/spiffe/bundle";
import { equalBytes, errorText } from "@symbolon/spiffe/core";
import { SpiffeId, type TrustDomain } from "@symbolon/spiffe/id";
import { buildPath, type Certificate, checkPublicKeyPolicy } from "@symbolon/spiffe/x509";
import { productError } from "../core/index.ts";
import type { Validity } from "./issuance-profile.ts";

export interface AuthorityToCheck {
  readonly trustDomain: TrustDomain;
  readonly certificate: Certificate;
  /** DER SubjectPublicKeyInfo of the private key. */
  readonly keySpki: Uint8Array;
  readonly intermediates: readonly Certificate[];
  readonly bundle: X509Bundle;
  readonly now: Date;
  /** Where each part came from, for the message. */
  readonly files: {
    readonly certificate: string;
    readonly key: string;
    readonly chain: string;
    readonly roots: string;
  };
}

/**
 * Everything that would make certificates of this authority worthless (SR-22, istio-security §5.7), each with the file
 * and the fix.
 * @returns the time within which the whole path from issuer to root is valid
 * @throws ERR_CA_FILES_INVALID
 */
export function checkSigningAuthority(authority: AuthorityToCheck): Validity {
  const { trustDomain, certificate, keySpki, intermediates, bundle, now, files } = authority;
  const { basicConstraints, keyUsage, subjectAltName } = certificate.extensions;
  if (!basicConstraints?.ca)
    throw invalid(`"${files.certificate}" is not a CA certificate; make one with basicConstraints CA:TRUE`);
  if (!keyUsage?.usages.has("keyCertSign"))
    throw invalid(`"${files.certificate}" may not sign certificates; make one with key usage keyCertSign`);
  if (!equalBytes(certificate.spki, keySpki))
    throw invalid(`"${files.key}" is not the key of "${files.certificate}"; put both files of one pair there`);
  checkKeyStrength(keySpki, files.key);
  for (const uri of subjectAltName?.uris ?? []) checkOwnUri(uri, trustDomain, files.certificate);
  if (now > certificate.notAfter)
    throw invalid(`"${files.certificate}" expired at ${isoSeconds(certificate.notAfter)}; replace it by a renewed one`);
  if (now < certificate.notBefore)
    throw invalid(
      `"${files.certificate}" is not valid before ${isoSeconds(certificate.notBefore)}; check this machine's clock`,
    );
  const path = pathToRoot(authority, intermediates, bundle);
  checkPathLengths(path, files);
  return {
    notBefore: new Date(Math.max(...path.map(({ notBefore }) => notBefore.getTime()))),
    notAfter: new Date(Math.min(...path.map(({ notAfter }) => notAfter.getTime()))),
  };
}

/** A root that signs itself has no path on which the verifier would meet its key. */
function checkKeyStrength(keySpki: Uint8Array, file: string): void {
  try {
    checkPublicKeyPolicy(keySpki);
  } catch (cause) {
    throw invalid(`"${file}" may not sign: ${errorText(cause)}; make a pair of P-256, or of RSA with 2048 bits`, cause);
  }
}

/** X509-SVID §3.2: a signing certificate that is an SVID has no path, and the trust domain of what it signs. */
function checkOwnUri(uri: string, trustDomain: TrustDomain, file: string): void {
  let id: SpiffeId;
  try {
    id = SpiffeId.parse(uri);
  } catch {
    // Another URI is no identity of SPIFFE's, and a CA is not authenticated by it.
    return;
  }
  if (id.path !== "" || !id.memberOf(trustDomain))
    throw invalid(`"${file}" is the SPIFFE ID "${uri}"; wanted "${trustDomain.id()}", or a certificate without one`);
}

function pathToRoot(
  { certificate, now, files }: AuthorityToCheck,
  intermediates: readonly Certificate[],
  bundle: X509Bundle,
): readonly Certificate[] {
  if (bundle.has(certificate)) return [certificate];
  try {
    return buildPath(certificate, intermediates, bundle.x509Authorities, now);
  } catch (cause) {
    throw invalid(
      `"${files.certificate}" does not chain to a root of "${files.roots}" by way of "${files.chain}": ${errorText(cause)}; put the issuers there`,
      cause,
    );
  }
}

/** RFC 5280 §4.2.1.9, with the leaves that are going to be signed at the end of the path. */
function checkPathLengths(path: readonly Certificate[], files: AuthorityToCheck["files"]): void {
  for (const [index, issuer] of path.entries()) {
    const allowed = issuer.extensions.basicConstraints?.pathLength;
    const below = path.slice(0, index).filter(({ subject, issuer: by }) => !equalBytes(subject.der, by.der)).length;
    if (allowed !== undefined && below > allowed)
      throw invalid(
        `"${issuer.subject.text}" allows ${allowed} CAs below it, "${files.certificate}" would be number ${below}; raise its path length`,
      );
  }
}

const invalid = (message: string, cause?: unknown) => productError("ERR_CA_FILES_INVALID", message, { cause });

const isoSeconds = (date: Date): string => `${date.toISOString().slice(0, 19)}Z`;
