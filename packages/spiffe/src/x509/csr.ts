import type { KeyObject } from "node:crypto";
import { isSymbolonError, spiffeError } from "../core/index.ts";
import type { SpiffeId } from "../id/index.ts";
import { readAlgorithmIdentifier } from "./certificate.ts";
import { contentsOf, contextConstructed, type DerElement, readSingle, TAG } from "./der.ts";
import { integerValue, octetAlignedBits, oidValue } from "./der-values.ts";
import { encodeBitString, encodeElement, encodeInteger, encodeOid, encodeSequence, encodeSetOf } from "./der-writer.ts";
import { encodeExtensions } from "./extension-encoding.ts";
import { type Extensions, NO_EXTENSIONS, parseExtensions } from "./extensions.ts";
import type { KeyPair } from "./key-pair.ts";
import { encodeName, type Name, type NameAttribute, parseName } from "./name.ts";
import { OID } from "./oid.ts";
import { encodePem, parseSinglePem } from "./pem.ts";
import { checkPublicKeyPolicy, type PublicKeyInfo } from "./public-key.ts";
import { publicKeyOf, signDer, verifySignature } from "./signature.ts";

/** PKCS#10, RFC 2986 §4. What it asks for is a wish: a CA takes the public key and decides the rest. */
export interface CertificateSigningRequest {
  readonly der: Uint8Array;
  /** CertificationRequestInfo, the part that is signed. */
  readonly infoDer: Uint8Array;
  readonly subject: Name;
  /** DER SubjectPublicKeyInfo, which has passed `checkPublicKeyPolicy`. */
  readonly spki: Uint8Array;
  readonly publicKeyInfo: PublicKeyInfo;
  readonly publicKey: KeyObject;
  /** DER AlgorithmIdentifier. */
  readonly signatureAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
  /** Of the extensionRequest attribute (RFC 2985 §5.4.2); empty without one. */
  readonly requestedExtensions: Extensions;
  readonly attributeOids: readonly string[];
}

export interface CertificateSigningRequestOptions {
  readonly keyPair: KeyPair;
  /** Asked for as a URI SAN; the CA decides by the caller's identity. */
  readonly spiffeId?: SpiffeId;
  /** Empty if absent, as Istio's agent sends it. */
  readonly subject?: readonly NameAttribute[];
  readonly dnsNames?: readonly string[];
}

/** A request in a service mesh has a kilobyte. */
const MAX_CSR_BYTES = 64 * 1024;
const MAX_ATTRIBUTES = 1024;

/**
 * Reads and applies the key policy; the signature is checked by `verifyCsrSignature`.
 * @throws ERR_CSR_MALFORMED, ERR_KEY_* (its key is not one that may be certified)
 */
export function parseCertificateSigningRequest(input: Uint8Array): CertificateSigningRequest {
  const request = readRequest(new Uint8Array(input));
  const publicKeyInfo = checkPublicKeyPolicy(request.spki);
  return Object.freeze({ ...request, publicKeyInfo, publicKey: publicKeyOf(request.spki) });
}

/**
 * Exactly one block, "CERTIFICATE REQUEST" (RFC 7468 §7), and nothing around it.
 * @throws ERR_CSR_MALFORMED with ERR_PEM_* as cause, and those of `parseCertificateSigningRequest`
 */
export function parseCertificateSigningRequestFromPem(pem: string | Uint8Array): CertificateSigningRequest {
  return parseCertificateSigningRequest(asCsrError(() => parseSinglePem(pem, "CERTIFICATE REQUEST")));
}

/**
 * Proof that the requester holds the private key (RFC 2986 §3).
 * @throws ERR_CSR_SIGNATURE_INVALID, ERR_X509_SIGNATURE_ALGORITHM
 */
export function verifyCsrSignature(request: CertificateSigningRequest): void {
  if (!verifySignature(request.publicKey, request.signatureAlgorithm, request.infoDer, request.signature)) {
    throw spiffeError("ERR_CSR_SIGNATURE_INVALID", "CSR signature does not verify with the key in it");
  }
}

/** A signed request. @throws ERR_X509_TEMPLATE_INVALID, ERR_KEY_UNSUPPORTED */
export function createCertificateSigningRequest(options: CertificateSigningRequestOptions): CertificateSigningRequest {
  const { keyPair, spiffeId, subject = [], dnsNames = [] } = options;
  const names = { uris: spiffeId ? [spiffeId.toString()] : [], dnsNames };
  const hasNames = names.uris.length + dnsNames.length > 0;
  const extensions = hasNames
    ? [encodeExtensions({ subjectAltName: { ...names, critical: subject.length === 0 } })]
    : [];
  const attributes = extensions.map((der) => encodeSequence(encodeOid(OID.extensionRequest), encodeSetOf([der])));
  const info = encodeSequence(
    encodeInteger(0n),
    encodeName(subject),
    keyPair.spki,
    encodeElement(contextConstructed(0), ...attributes),
  );
  const { algorithm, signature } = signDer(keyPair.privateKey, info);
  return parseCertificateSigningRequest(encodeSequence(info, algorithm, encodeBitString(signature)));
}

export function certificateSigningRequestToPem(request: CertificateSigningRequest): string {
  return encodePem("CERTIFICATE REQUEST", request.der);
}

function readRequest(der: Uint8Array) {
  return asCsrError(() => {
    if (der.length > MAX_CSR_BYTES) throw spiffeError("ERR_DER_TOO_LARGE", `CSR has ${der.length} bytes`);
    const fields = contentsOf(readSingle(der, TAG.sequence));
    const info = fields.read(TAG.sequence);
    const signatureAlgorithm = readAlgorithmIdentifier(fields);
    const signature = octetAlignedBits(fields.read(TAG.bitString));
    fields.finish();
    return { der, infoDer: info.der, signatureAlgorithm, signature, ...readInfo(info) };
  });
}

function readInfo(info: DerElement) {
  const fields = contentsOf(info);
  const version = integerValue(fields.read(TAG.integer));
  if (version !== 0n) throw csrMalformed(`version ${version + 1n}, wanted 1`);
  const subject = parseName(fields.read(TAG.sequence));
  const spki = fields.read(TAG.sequence).der;
  // Mandatory in RFC 2986 §4.1, but left out by some encoders when there is no attribute.
  const attributes = fields.readOptional(contextConstructed(0));
  fields.finish();
  return { subject, spki, ...(attributes ? readAttributes(attributes) : NO_ATTRIBUTES) };
}

const NO_ATTRIBUTES = { requestedExtensions: NO_EXTENSIONS, attributeOids: [] as readonly string[] };

function readAttributes(attributes: DerElement) {
  const attributeOids: string[] = [];
  let requestedExtensions: Extensions | undefined;
  for (const reader = contentsOf(attributes); !reader.atEnd; ) {
    const attribute = reader.readSequence();
    const oid = oidValue(attribute.read(TAG.oid));
    const values = contentsOf(attribute.read(TAG.set));
    attribute.finish();
    if (attributeOids.push(oid) > MAX_ATTRIBUTES) throw csrMalformed("too many attributes");
    if (oid !== OID.extensionRequest) continue;
    if (requestedExtensions) throw csrMalformed("more than one extension request");
    requestedExtensions = parseExtensions(values.readSequence());
    values.finish();
  }
  return { requestedExtensions: requestedExtensions ?? NO_EXTENSIONS, attributeOids };
}

function asCsrError<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!isSymbolonError(cause) || cause.code === "ERR_CSR_MALFORMED") throw cause;
    throw spiffeError("ERR_CSR_MALFORMED", `malformed CSR: ${cause.message}`, { cause });
  }
}

function csrMalformed(what: string) {
  return spiffeError("ERR_CSR_MALFORMED", `malformed CSR: ${what}`);
}
