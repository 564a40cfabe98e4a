import { X509Bundle } from "../bundle/index.ts";
import { type Random, systemRandom } from "../core/index.ts";
import { SpiffeId, TrustDomain } from "../id/index.ts";
import { X509Svid } from "../svid/index.ts";
import {
  assembleCertificate,
  buildTbsCertificate,
  type Certificate,
  type CertificateTemplate,
  createKeyPair,
  type KeyKind,
  type KeyPair,
  type KeyUsageName,
  keyIdentifier,
  OID,
  parseCertificate,
  signatureAlgorithmFor,
  signDer,
} from "../x509/index.ts";

/** A throw-away authority: real keys, real signatures, and certificates as wrong as a test wants them. */
export interface TestAuthority {
  readonly trustDomain: TrustDomain;
  readonly certificate: Certificate;
  readonly keyPair: KeyPair;
  /** This authority's certificate, then those of its issuers up to and without the root; empty for a root. */
  readonly intermediates: readonly Certificate[];
  /** The root alone, as a bundle of `trustDomain`. */
  readonly bundle: X509Bundle;
  /** A good SVID; `spiffeId` may be a path, such as "/ns/foo/sa/web". */
  issue(spiffeId: SpiffeId | string, options?: TestLeafOptions): X509Svid;
  /** Any leaf at all, unchecked: other usages, several URI SANs, CA:TRUE ... */
  issueCertificate(options?: TestLeafOptions): IssuedTestCertificate;
  /** An authority below this one. */
  intermediate(options?: TestAuthorityOptions): TestAuthority;
}

export interface IssuedTestCertificate {
  readonly certificate: Certificate;
  readonly keyPair: KeyPair;
  /** The certificate, then the intermediates. */
  readonly chain: readonly Certificate[];
}

export interface TestAuthorityOptions {
  readonly keyKind?: KeyKind;
  readonly keyPair?: KeyPair;
  readonly random?: Random;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly commonName?: string;
  /** Last word on every field of the authority's own certificate. */
  readonly template?: Partial<CertificateTemplate>;
}

export interface TestLeafOptions {
  readonly keyKind?: KeyKind;
  readonly keyPair?: KeyPair;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ca?: boolean;
  readonly keyUsage?: readonly KeyUsageName[];
  /** Dotted object identifiers; an empty list leaves the extension out. */
  readonly extKeyUsage?: readonly string[];
  /** Last word on every field. */
  readonly template?: Partial<CertificateTemplate>;
}

/** Both around the fake clock's start and around today, so that a test that talks TLS needs no dates of its own. */
const AUTHORITY_NOT_BEFORE = new Date("2020-01-01T00:00:00Z");
const AUTHORITY_NOT_AFTER = new Date("2049-01-01T00:00:00Z");
const LEAF_NOT_BEFORE = new Date("2021-01-01T00:00:00Z");
const LEAF_NOT_AFTER = new Date("2048-01-01T00:00:00Z");

/** A self-signed root of `trustDomain`. */
export function createTestAuthority(
  trustDomain: TrustDomain | string,
  options: TestAuthorityOptions = {},
): TestAuthority {
  const domain = typeof trustDomain === "string" ? TrustDomain.parse(trustDomain) : trustDomain;
  const random = options.random ?? systemRandom;
  const keyPair = options.keyPair ?? createKeyPair(options.keyKind);
  const subject = [{ oid: OID.organizationName, value: options.commonName ?? `${domain.name} root` }];
  const template = authorityTemplate(domain, keyPair, subject, options, random);
  const certificate = sign({ ...template, issuer: subject, ...options.template }, keyPair);
  return authority({ domain, certificate, keyPair, intermediates: [], root: certificate, random });
}

interface AuthorityParts {
  readonly domain: TrustDomain;
  readonly certificate: Certificate;
  readonly keyPair: KeyPair;
  readonly intermediates: readonly Certificate[];
  readonly root: Certificate;
  readonly random: Random;
}

function authority(parts: AuthorityParts): TestAuthority {
  const { domain, certificate, keyPair, intermediates, root, random } = parts;

  const issueCertificate = (options: TestLeafOptions = {}): IssuedTestCertificate => {
    const leafKeyPair = options.keyPair ?? createKeyPair(options.keyKind);
    const template = leafTemplate(domain, leafKeyPair, options, random);
    const leaf = sign({ ...signedBy(certificate, keyPair), ...template, ...options.template }, keyPair);
    return { certificate: leaf, keyPair: leafKeyPair, chain: [leaf, ...intermediates] };
  };

  return {
    trustDomain: domain,
    certificate,
    keyPair,
    intermediates,
    bundle: X509Bundle.fromCertificates(domain, [root]),
    issueCertificate,
    issue(spiffeId, options = {}) {
      const id = typeof spiffeId === "string" ? SpiffeId.fromPath(domain, spiffeId) : spiffeId;
      const issued = issueCertificate({ uris: [id.toString()], ...options });
      return X509Svid.fromCertificates(issued.chain, issued.keyPair.privateKey);
    },
    intermediate(options = {}) {
      const childRandom = options.random ?? random;
      const childKeyPair = options.keyPair ?? createKeyPair(options.keyKind);
      const value = options.commonName ?? `${domain.name} intermediate ${intermediates.length + 1}`;
      const subject = [{ oid: OID.organizationName, value }];
      const template = authorityTemplate(domain, childKeyPair, subject, options, childRandom);
      const child = sign({ ...template, ...signedBy(certificate, keyPair), ...options.template }, keyPair);
      return authority({
        domain,
        certificate: child,
        keyPair: childKeyPair,
        intermediates: [child, ...intermediates],
        root,
        random: childRandom,
      });
    },
  };
}

function authorityTemplate(
  domain: TrustDomain,
  keyPair: KeyPair,
  subject: CertificateTemplate["subject"],
  options: TestAuthorityOptions,
  random: Random,
): CertificateTemplate {
  return {
    serialNumber: randomSerial(random),
    issuer: subject,
    subject,
    notBefore: options.notBefore ?? AUTHORITY_NOT_BEFORE,
    notAfter: options.notAfter ?? AUTHORITY_NOT_AFTER,
    spki: keyPair.spki,
    signatureAlgorithm: signatureAlgorithmFor(keyPair.privateKey),
    basicConstraints: { ca: true },
    keyUsage: ["keyCertSign", "cRLSign"],
    subjectKeyId: keyIdentifier(keyPair.spki),
    subjectAltName: { uris: [domain.id().toString()] },
  };
}

function leafTemplate(domain: TrustDomain, keyPair: KeyPair, options: TestLeafOptions, random: Random) {
  const uris = options.uris ?? [`${domain.id().toString()}/ns/default/sa/test`];
  const dnsNames = options.dnsNames ?? [];
  const extKeyUsage = options.extKeyUsage ?? [OID.serverAuth, OID.clientAuth];
  return {
    serialNumber: randomSerial(random),
    subject: [],
    notBefore: options.notBefore ?? LEAF_NOT_BEFORE,
    notAfter: options.notAfter ?? LEAF_NOT_AFTER,
    spki: keyPair.spki,
    basicConstraints: { ca: options.ca ?? false },
    keyUsage: options.keyUsage ?? (["digitalSignature", "keyEncipherment"] as const),
    ...(extKeyUsage.length > 0 ? { extKeyUsage } : {}),
    subjectKeyId: keyIdentifier(keyPair.spki),
    ...(uris.length + dnsNames.length > 0 ? { subjectAltName: { uris, dnsNames, critical: true } } : {}),
  };
}

function signedBy(issuer: Certificate, keyPair: KeyPair) {
  const keyId = issuer.extensions.subjectKeyId;
  return {
    issuer: issuer.subject.der,
    signatureAlgorithm: signatureAlgorithmFor(keyPair.privateKey),
    ...(keyId ? { authorityKeyId: keyId } : {}),
  };
}

function sign(template: CertificateTemplate, keyPair: KeyPair): Certificate {
  const tbs = buildTbsCertificate(template);
  const { algorithm, signature } = signDer(keyPair.privateKey, tbs);
  return parseCertificate(assembleCertificate(tbs, algorithm, signature));
}

/** 128 bits and a leading one, so that it is positive and never short. */
function randomSerial(random: Random): bigint {
  return random.bytes(16).reduce((serial, byte) => (serial << 8n) | BigInt(byte), 1n);
}
