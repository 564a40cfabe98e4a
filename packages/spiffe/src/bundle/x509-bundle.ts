import { equalBytes, spiffeError, toHex } from "../core/index.ts";
import type { TrustDomain } from "../id/index.ts";
import { builtinModule } from "../runtime/index.ts";
import { type Certificate, certificatesToPem, parseCertificatesDer, parseCertificatesPem } from "../x509/index.ts";

const nodeCrypto = builtinModule("node:crypto");

/**
 * The X.509 authorities of one trust domain (SPIFFE Trust Domain and Bundle §4). Immutable. An empty one is legal
 * and says that nobody of the domain is to be trusted any more.
 */
export class X509Bundle {
  readonly trustDomain: TrustDomain;
  /** Without duplicates, in the order given; not all are self-signed (X509-SVID §6.1). */
  readonly x509Authorities: readonly Certificate[];
  /** Hexadecimal SHA-256 over domain and authorities, whatever their order. */
  readonly fingerprint: string;

  private constructor(trustDomain: TrustDomain, x509Authorities: readonly Certificate[]) {
    this.trustDomain = trustDomain;
    this.x509Authorities = Object.freeze(withoutDuplicates(x509Authorities));
    this.fingerprint = fingerprintOf(trustDomain, this.x509Authorities);
  }

  /** @throws ERR_BUNDLE_AUTHORITY_NOT_CA for a certificate that could never sign another */
  static fromCertificates(trustDomain: TrustDomain, x509Authorities: readonly Certificate[]): X509Bundle {
    for (const authority of x509Authorities) {
      if (!authority.extensions.basicConstraints?.ca) {
        const message = `certificate "${authority.subject.text}" in the bundle of "${trustDomain.name}" is not a certificate authority`;
        throw spiffeError("ERR_BUNDLE_AUTHORITY_NOT_CA", message, { details: { subject: authority.subject.text } });
      }
    }
    return new X509Bundle(trustDomain, x509Authorities);
  }

  /** @throws ERR_PEM_*, ERR_X509_*, ERR_DER_*, ERR_BUNDLE_AUTHORITY_NOT_CA */
  static fromPem(trustDomain: TrustDomain, pem: string | Uint8Array): X509Bundle {
    return X509Bundle.fromCertificates(trustDomain, parseCertificatesPem(pem));
  }

  /** @param der certificates one after the other, as in the Workload API (§5.2.1) */
  static fromDer(trustDomain: TrustDomain, der: Uint8Array): X509Bundle {
    return X509Bundle.fromCertificates(trustDomain, parseCertificatesDer(der));
  }

  has(certificate: Certificate): boolean {
    return this.x509Authorities.some((authority) => equalBytes(authority.der, certificate.der));
  }

  equals(other: X509Bundle): boolean {
    return this.fingerprint === other.fingerprint;
  }

  toPem(): string {
    return certificatesToPem(this.x509Authorities);
  }
}

function withoutDuplicates(certificates: readonly Certificate[]): Certificate[] {
  return [...new Map(certificates.map((certificate) => [toHex(certificate.der), certificate])).values()];
}

function fingerprintOf(trustDomain: TrustDomain, authorities: readonly Certificate[]): string {
  const digests = authorities.map(({ der }) => nodeCrypto().createHash("sha256").update(der).digest("hex")).sort();
  return nodeCrypto()
    .createHash("sha256")
    .update([trustDomain.name, ...digests].join("\n"))
    .digest("hex");
}
