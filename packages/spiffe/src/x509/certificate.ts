import type { KeyObject } from "node:crypto";
import { concatBytes, equalBytes, spiffeError, toHex } from "../core/index.ts";
import {
  contentsOf,
  contextConstructed,
  contextPrimitive,
  type DerElement,
  DerReader,
  MAX_DER_BYTES,
  readSingle,
  TAG,
} from "./der.ts";
import { integerValue, octetAlignedBits, oidValue, timeValue } from "./der-values.ts";
import { type Extensions, NO_EXTENSIONS, parseExtensions } from "./extensions.ts";
import { type Name, parseName } from "./name.ts";
import { encodePem, parsePem } from "./pem.ts";
import { publicKeyOf } from "./signature.ts";

/** RFC 5280 §4.1.1.1, read but signed by nobody yet: what a CA looks over before it signs. */
export interface TbsCertificate {
  readonly tbsDer: Uint8Array;
  readonly serialNumber: bigint;
  /** Lower-case hexadecimal of the serial number's octets, as logs write it. */
  readonly serialNumberHex: string;
  /** DER AlgorithmIdentifier. */
  readonly signatureAlgorithm: Uint8Array;
  readonly issuer: Name;
  readonly subject: Name;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** Made when first asked for; the key has not been checked against any policy. @throws ERR_KEY_MALFORMED */
  readonly publicKey: KeyObject;
  readonly extensions: Extensions;
}

/** An X.509 v3 certificate (RFC 5280 §4.1). Immutable: nothing writes into its bytes. */
export interface Certificate extends TbsCertificate {
  readonly der: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Reads structure and known extensions, and judges nothing: no signature, time or key is checked.
 * The bytes are copied, so that the certificate outlives the buffer it arrived in.
 * @throws ERR_X509_MALFORMED, ERR_X509_DUPLICATE_EXTENSION, ERR_X509_EXTENSION_MALFORMED, ERR_DER_*
 */
export function parseCertificate(input: Uint8Array): Certificate {
  return signedCertificate(new Uint8Array(input), readTbs);
}

/**
 * Reads a certificate whose signed part has been read already: what encloses it is read, and the part itself is
 * compared, byte for byte.
 * @throws ERR_X509_MALFORMED also when the certificate says anything else than `tbs`; else as `parseCertificate`
 */
export function parseCertificateOf(tbs: TbsCertificate, input: Uint8Array): Certificate {
  return signedCertificate(new Uint8Array(input), (element) => {
    if (!equalBytes(element.der, tbs.tbsDer))
      throw x509Malformed("it does not enclose the bytes that were to be signed");
    return tbs;
  });
}

function signedCertificate(der: Uint8Array, tbsOf: (element: DerElement) => EagerTbs): Certificate {
  const fields = contentsOf(readSingle(der, TAG.sequence));
  const tbs = tbsOf(fields.read(TAG.sequence));
  const outerAlgorithm = fields.read(TAG.sequence).der;
  // RFC 5280 §4.1.1.2: both must be the same, or the signature would not cover what it is checked with.
  if (!equalBytes(outerAlgorithm, tbs.signatureAlgorithm)) {
    throw x509Malformed("inner and outer signature algorithm identifiers don't match");
  }
  const signature = octetAlignedBits(fields.read(TAG.bitString));
  fields.finish();
  return Object.freeze(new SignedCertificate(tbs, der, signature));
}

/** Reads a TBSCertificate alone. @throws as `parseCertificate` */
export function parseTbsCertificate(tbsDer: Uint8Array): TbsCertificate {
  return Object.freeze(new TbsWithKey(readTbs(readSingle(new Uint8Array(tbsDer), TAG.sequence))));
}

/**
 * Certificates of a PEM text, in order; text between the blocks is skipped.
 * @throws ERR_PEM_* and those of `parseCertificate`
 */
export function parseCertificatesPem(pem: string | Uint8Array): readonly Certificate[] {
  return parsePem(pem, { labels: ["CERTIFICATE"] }).map((block) => parseCertificate(block.der));
}

/** Certificates that follow each other without padding, as the Workload API sends them. @throws as `parseCertificate` */
export function parseCertificatesDer(input: Uint8Array): readonly Certificate[] {
  if (input.length > 64 * MAX_DER_BYTES) throw spiffeError("ERR_DER_TOO_LARGE", "too many bytes of certificates");
  const certificates: Certificate[] = [];
  for (const reader = new DerReader(input); !reader.atEnd; ) {
    certificates.push(parseCertificate(reader.read(TAG.sequence).der));
  }
  return certificates;
}

export function certificateToPem(certificate: Certificate): string {
  return encodePem("CERTIFICATE", certificate.der);
}

/** Several, in order, as TLS servers and `root-cert.pem` want them. */
export function certificatesToPem(certificates: readonly Certificate[]): string {
  return certificates.map(certificateToPem).join("");
}

export function certificatesToDer(certificates: readonly Certificate[]): Uint8Array {
  return concatBytes(...certificates.map(({ der }) => der));
}

type EagerTbs = Omit<TbsCertificate, "publicKey">;

function readTbs(tbs: DerElement): EagerTbs {
  const fields = contentsOf(tbs);
  readVersion3(fields);
  const serial = fields.read(TAG.integer);
  const serialNumber = integerValue(serial);
  // RFC 5280 §4.1.2.2: positive; zero and overlong ones occur and are left to the lint.
  if (serialNumber < 0n) throw x509Malformed("negative serial number");
  const signatureAlgorithm = readAlgorithmIdentifier(fields);
  const issuer = parseName(fields.read(TAG.sequence));
  const validity = fields.readSequence();
  const [notBefore, notBeforeDeviation] = readTime(validity.next());
  const [notAfter, notAfterDeviation] = readTime(validity.next());
  validity.finish();
  const subject = parseName(fields.read(TAG.sequence));
  const spki = fields.read(TAG.sequence).der;
  const issuerUniqueId = fields.readOptional(contextPrimitive(1));
  const subjectUniqueId = fields.readOptional(contextPrimitive(2));
  const extensions = readExtensions(fields);
  fields.finish();
  const deviations = [
    ...extensions.deviations,
    notBeforeDeviation,
    notAfterDeviation,
    (issuerUniqueId ?? subjectUniqueId) && "unique identifiers",
  ];
  return {
    tbsDer: tbs.der,
    serialNumber,
    serialNumberHex: toHex(
      serial.content.length > 1 && serial.content[0] === 0 ? serial.content.subarray(1) : serial.content,
    ),
    signatureAlgorithm,
    issuer,
    subject,
    notBefore,
    notAfter,
    spki,
    extensions: { ...extensions, deviations: deviations.filter((text) => typeof text === "string") },
  };
}

function readVersion3(fields: DerReader): void {
  const element = fields.readOptional(contextConstructed(0));
  const inner = element && contentsOf(element);
  const version = inner ? integerValue(inner.read(TAG.integer)) : 0n;
  inner?.finish();
  // Without extensions there is no SPIFFE ID and no CA flag, so that older versions have no use here.
  if (version !== 2n) throw x509Malformed(`version ${version + 1n}, wanted 3`);
}

/** @throws ERR_DER_* */
export function readAlgorithmIdentifier(fields: DerReader): Uint8Array {
  const element = fields.read(TAG.sequence);
  const inner = contentsOf(element);
  oidValue(inner.read(TAG.oid));
  if (!inner.atEnd) inner.next();
  inner.finish();
  return element.der;
}

function readTime(element: DerElement): [Date, string | undefined] {
  const date = timeValue(element);
  // RFC 5280 §4.1.2.5: UTCTime through 2049.
  const early = element.tag === TAG.generalizedTime && date.getUTCFullYear() < 2050;
  return [date, early ? "GeneralizedTime before 2050" : undefined];
}

function readExtensions(fields: DerReader): Extensions {
  const wrapper = fields.readOptional(contextConstructed(3));
  if (!wrapper) return NO_EXTENSIONS;
  const inner = contentsOf(wrapper);
  const extensions = parseExtensions(inner.readSequence());
  inner.finish();
  return extensions;
}

/** The fields of a TBSCertificate, with the key as a getter that is not of the object's own: a copy by `...` has none. */
class TbsWithKey implements TbsCertificate {
  readonly tbsDer: Uint8Array;
  readonly serialNumber: bigint;
  readonly serialNumberHex: string;
  readonly signatureAlgorithm: Uint8Array;
  readonly issuer: Name;
  readonly subject: Name;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly spki: Uint8Array;
  readonly extensions: Extensions;
  #key: KeyObject | undefined;

  // One by one: `Object.assign` takes ten times as long, and a CA makes two of these for each certificate.
  constructor(fields: EagerTbs) {
    this.tbsDer = fields.tbsDer;
    this.serialNumber = fields.serialNumber;
    this.serialNumberHex = fields.serialNumberHex;
    this.signatureAlgorithm = fields.signatureAlgorithm;
    this.issuer = fields.issuer;
    this.subject = fields.subject;
    this.notBefore = fields.notBefore;
    this.notAfter = fields.notAfter;
    this.spki = fields.spki;
    this.extensions = fields.extensions;
  }

  get publicKey(): KeyObject {
    this.#key ??= publicKeyOf(this.spki);
    return this.#key;
  }
}

class SignedCertificate extends TbsWithKey implements Certificate {
  readonly der: Uint8Array;
  readonly signature: Uint8Array;

  constructor(tbs: EagerTbs, der: Uint8Array, signature: Uint8Array) {
    super(tbs);
    this.der = der;
    this.signature = signature;
  }
}

function x509Malformed(what: string) {
  return spiffeError("ERR_X509_MALFORMED", `malformed certificate: ${what}`);
}
