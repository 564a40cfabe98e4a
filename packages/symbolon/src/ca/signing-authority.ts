import type { X509Bundle } from "@symbolon/spiffe/bundle";
import {
  assembleCertificate,
  type Certificate,
  certificateToPem,
  type KeyPair,
  type LeafFields,
  type LeafTemplate,
  parseCertificateOf,
  signatureAlgorithmFor,
  signDer,
  type TbsCertificate,
  verifySignature,
} from "@symbolon/spiffe/x509";
import { productError } from "../core/index.ts";
import type { Validity } from "./issuance-profile.ts";
import { certificateToSign, type RecordedCertificate } from "./issuance-steps.ts";
import { leafTemplateOf } from "./leaf-profile.ts";

/** Where the private key is: a key pair in memory today, a KMS behind the same two members tomorrow. */
export interface CertificateSigner {
  /** DER AlgorithmIdentifier of every signature it makes. */
  readonly signatureAlgorithm: Uint8Array;
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

export interface SigningAuthorityParts {
  readonly kind: "self-signed" | "plugged-in";
  /** The issuer of what is signed. */
  readonly certificate: Certificate;
  /** What goes to clients behind each leaf, the issuer's own certificate first; empty when it is a root. */
  readonly intermediates: readonly Certificate[];
  readonly bundle: X509Bundle;
  /** Of the whole path from issuer to root: a leaf must not outlive any part of it. */
  readonly validity: Validity;
  readonly signer: CertificateSigner;
}

/**
 * Signs with the authority that the certificate was prepared for, and believes only what it reads back: the certificate
 * parses, says byte for byte what was linted and recorded, and its signature verifies.
 * @throws ERR_CA_OUTPUT_WRONG
 */
export let signCertificate: (recorded: RecordedCertificate) => Promise<Certificate>;

/**
 * Who signs. `checkSigningAuthority` has looked over the parts; the signer is out of everybody's reach but
 * `signCertificate`'s.
 */
export class SigningAuthority {
  readonly kind: SigningAuthorityParts["kind"];
  readonly certificate: Certificate;
  readonly intermediates: readonly Certificate[];
  readonly intermediatesPem: readonly string[];
  readonly bundle: X509Bundle;
  readonly rootsPem: string;
  readonly validity: Validity;
  readonly signatureAlgorithm: Uint8Array;
  readonly #leafTemplate: LeafTemplate;
  readonly #signer: CertificateSigner;

  constructor(parts: SigningAuthorityParts) {
    this.kind = parts.kind;
    this.certificate = parts.certificate;
    this.intermediates = parts.intermediates;
    this.intermediatesPem = parts.intermediates.map(certificateToPem);
    this.bundle = parts.bundle;
    this.rootsPem = parts.bundle.toPem();
    this.validity = parts.validity;
    this.signatureAlgorithm = parts.signer.signatureAlgorithm;
    this.#leafTemplate = leafTemplateOf(parts.certificate, parts.signer.signatureAlgorithm);
    this.#signer = parts.signer;
  }

  /** DER of the TBSCertificate of a leaf of its own. @throws ERR_X509_TEMPLATE_INVALID */
  encodeLeaf(fields: LeafFields): Uint8Array {
    return this.#leafTemplate(fields);
  }

  static {
    signCertificate = async (recorded) => {
      const tbs = certificateToSign(recorded);
      const { authority } = recorded;
      const signature = await authority.#signer.sign(tbs.tbsDer);
      return verifiedOutput(authority, tbs, assembleCertificate(tbs.tbsDer, authority.signatureAlgorithm, signature));
    };
  }
}

/** The signer over a key pair in this process. */
export function keyPairSigner(keyPair: KeyPair): CertificateSigner {
  const { privateKey } = keyPair;
  return {
    signatureAlgorithm: signatureAlgorithmFor(privateKey),
    sign: async (bytes) => signDer(privateKey, bytes).signature,
  };
}

function verifiedOutput(authority: SigningAuthority, tbs: TbsCertificate, der: Uint8Array): Certificate {
  const certificate = parseCertificateOf(tbs, der);
  const { publicKey } = authority.certificate;
  if (!verifySignature(publicKey, certificate.signatureAlgorithm, certificate.tbsDer, certificate.signature))
    throw productError("ERR_CA_OUTPUT_WRONG", "the signature that was just made does not verify", {
      details: { serialNumber: certificate.serialNumberHex },
    });
  return certificate;
}
