import { equalBytes, isSymbolonError, type SpiffeErrorCode, type SymbolonError, spiffeError } from "../core/index.ts";
import type { Certificate } from "./certificate.ts";
import { type ComparisonBudget, nameConstraintViolation } from "./name-constraints.ts";
import { checkPublicKeyPolicy } from "./public-key.ts";
import { verifySignature } from "./signature.ts";

/** Bounds on the work that one peer's certificates can cause; all are far above honest use. */
export interface PathLimits {
  /** Certificates presented besides the leaf. */
  readonly maxCandidates: number;
  /** Certificates between leaf and anchor. */
  readonly maxIntermediates: number;
  readonly maxSignatureChecks: number;
  /** Names times constraints. */
  readonly maxNameComparisons: number;
}

export const DEFAULT_PATH_LIMITS: PathLimits = {
  maxCandidates: 64,
  maxIntermediates: 8,
  maxSignatureChecks: 64,
  maxNameComparisons: 100_000,
};

/** Leaf first, anchor last; always both. */
export type CertificatePath = readonly [Certificate, ...(readonly Certificate[])];

/**
 * RFC 5280 §6.1 from `leaf` to one of `anchors`, over `candidates` in any order, with loops, duplicates and unrelated
 * certificates among them. Every certificate of the path, anchor included, is within its validity, has no unknown
 * critical extension and a key that `checkPublicKeyPolicy` lets pass; every issuer is a CA, may sign certificates,
 * and its path length and name constraints hold. An anchor need not be self-signed (X509-SVID §6.1).
 * Names chain by equal bytes. Revocation, policies and key purposes are not looked at.
 * @throws ERR_X509_UNKNOWN_AUTHORITY, _EXPIRED, _NOT_YET_VALID, _NOT_CA, _KEY_CERT_SIGN, _PATH_LENGTH,
 *   _CRITICAL_EXTENSION, _NAME_CONSTRAINTS, _TOO_MANY_CERTIFICATES, _WORK_LIMIT, and ERR_KEY_* of the leaf's key
 */
export function buildPath(
  leaf: Certificate,
  candidates: readonly Certificate[],
  anchors: readonly Certificate[],
  now: Date,
  limits: Partial<PathLimits> = {},
): CertificatePath {
  const search = createSearch(candidates, anchors, now, { ...DEFAULT_PATH_LIMITS, ...limits });
  if (candidates.length > search.limits.maxCandidates) {
    const message = `${candidates.length} certificates presented, more than ${search.limits.maxCandidates}`;
    throw spiffeError("ERR_X509_TOO_MANY_CERTIFICATES", message);
  }
  const leafFault = commonFault(leaf, now);
  if (leafFault) throw leafFault;
  const path = extend([leaf], search);
  if (path) return path;
  throw search.fault ?? unknownAuthority(leaf, search.signatureMismatch);
}

interface Search {
  readonly candidates: readonly Certificate[];
  readonly anchors: readonly Certificate[];
  readonly now: Date;
  readonly limits: PathLimits;
  readonly comparisons: ComparisonBudget;
  /** Verdicts by child, then issuer: a pair met on two branches is verified once. */
  readonly verdicts: Map<Certificate, Map<Certificate, boolean>>;
  signatureChecksLeft: number;
  stepsLeft: number;
  /** Why the first issuer by name was not taken: told when no path is found. */
  fault?: SymbolonError;
  signatureMismatch?: SymbolonError;
}

/** Branches multiply even where no signature is checked twice. */
const MAX_STEPS = 4096;

function createSearch(
  candidates: readonly Certificate[],
  anchors: readonly Certificate[],
  now: Date,
  limits: PathLimits,
): Search {
  const comparisons = { left: limits.maxNameComparisons };
  const verdicts = new Map<Certificate, Map<Certificate, boolean>>();
  const signatureChecksLeft = limits.maxSignatureChecks;
  return { candidates, anchors, now, limits, comparisons, verdicts, signatureChecksLeft, stepsLeft: MAX_STEPS };
}

/** Depth first; anchors before intermediates, so that the shortest path to an anchor is found first. */
function extend(path: CertificatePath, search: Search): CertificatePath | undefined {
  const subject = path[path.length - 1] ?? path[0];
  for (const anchor of issuersOf(subject, search.anchors)) {
    if (isIssuerFor(path, anchor, search)) return [...path, anchor];
  }
  if (path.length - 1 >= search.limits.maxIntermediates) return undefined;
  for (const candidate of issuersOf(subject, search.candidates)) {
    if (path.some((member) => isSameEntity(member, candidate))) continue;
    const found = isIssuerFor(path, candidate, search) ? extend([...path, candidate], search) : undefined;
    if (found) return found;
  }
  return undefined;
}

/** Those whose name fits, the ones whose key identifier fits as well first (a hint only, RFC 4158 §3.5.12). */
function issuersOf(subject: Certificate, from: readonly Certificate[]): readonly Certificate[] {
  const named = from.filter((issuer) => equalBytes(issuer.subject.der, subject.issuer.der));
  const wanted = subject.extensions.authorityKeyId;
  if (named.length < 2 || !wanted) return named;
  const fits = (issuer: Certificate): boolean => equalBytes(issuer.extensions.subjectKeyId ?? NO_BYTES, wanted);
  return [...named.filter(fits), ...named.filter((issuer) => !fits(issuer))];
}

/** Same name and same key: cross-signed loops (CVE-2024-0567) come back under another certificate. */
function isSameEntity(a: Certificate, b: Certificate): boolean {
  return equalBytes(a.spki, b.spki) && equalBytes(a.subject.der, b.subject.der);
}

function isIssuerFor(path: CertificatePath, issuer: Certificate, search: Search): boolean {
  if (search.stepsLeft-- <= 0) throw workLimit("path building steps");
  const fault = commonFault(issuer, search.now) ?? issuerFault(path, issuer, search);
  if (fault) {
    search.fault ??= fault;
    return false;
  }
  const subject = path[path.length - 1] ?? path[0];
  if (hasSigned(issuer, subject, search)) return true;
  const message = `signature does not verify with the key of "${issuer.subject.text}"`;
  search.signatureMismatch ??= spiffeError("ERR_X509_SIGNATURE_INVALID", message);
  return false;
}

/** RFC 5280 §6.1.3 (a) (2), §6.1.4 (o), §6.1.5 (f): what holds for every certificate of a path. */
function commonFault(certificate: Certificate, now: Date): SymbolonError | undefined {
  if (now.getTime() > certificate.notAfter.getTime()) {
    const times = `current time ${isoTime(now)} is after ${isoTime(certificate.notAfter)}`;
    return fault("ERR_X509_EXPIRED", `certificate has expired: ${times}`, certificate);
  }
  if (!(now.getTime() >= certificate.notBefore.getTime())) {
    const times = `current time ${isoTime(now)} is before ${isoTime(certificate.notBefore)}`;
    return fault("ERR_X509_NOT_YET_VALID", `certificate is not yet valid: ${times}`, certificate);
  }
  const [unknown] = certificate.extensions.unknownCritical;
  if (unknown) return fault("ERR_X509_CRITICAL_EXTENSION", `unhandled critical extension ${unknown}`, certificate);
  return keyFault(certificate);
}

/** RFC 5280 §6.1.4 (k) to (n) and §6.1.3 (b), (c), for an issuer that would follow `path`. */
function issuerFault(path: CertificatePath, issuer: Certificate, search: Search): SymbolonError | undefined {
  const { basicConstraints, keyUsage, nameConstraints } = issuer.extensions;
  if (!basicConstraints?.ca) return fault("ERR_X509_NOT_CA", "issuer is not a certificate authority", issuer);
  if (keyUsage && !keyUsage.usages.has("keyCertSign")) {
    return fault("ERR_X509_KEY_CERT_SIGN", "issuer must have 'keyCertSign' set as key usage", issuer);
  }
  const counted = path.slice(1).filter((certificate) => !isSelfIssued(certificate)).length;
  if (basicConstraints.pathLength !== undefined && counted > basicConstraints.pathLength) {
    return fault("ERR_X509_PATH_LENGTH", "too many intermediates for path length constraint", issuer);
  }
  if (!nameConstraints) return undefined;
  for (const [index, certificate] of path.entries()) {
    // RFC 5280 §4.2.1.10: not on self-issued certificates, unless it is the last one of the path.
    if (index > 0 && isSelfIssued(certificate)) continue;
    const { subject, extensions } = certificate;
    const names = { subject, subjectAltName: extensions.subjectAltName };
    const violation = nameConstraintViolation(nameConstraints, names, search.comparisons);
    if (search.comparisons.left < 0) throw workLimit("name comparisons");
    if (violation) return fault("ERR_X509_NAME_CONSTRAINTS", `name constraints: ${violation}`, issuer);
  }
  return undefined;
}

function hasSigned(issuer: Certificate, subject: Certificate, search: Search): boolean {
  const known = search.verdicts.get(subject) ?? new Map<Certificate, boolean>();
  search.verdicts.set(subject, known);
  const before = known.get(issuer);
  if (before !== undefined) return before;
  if (search.signatureChecksLeft-- <= 0) throw workLimit("signature checks");
  const verdict = signatureVerdict(issuer, subject);
  known.set(issuer, verdict);
  return verdict;
}

function signatureVerdict(issuer: Certificate, subject: Certificate): boolean {
  try {
    return verifySignature(issuer.publicKey, subject.signatureAlgorithm, subject.tbsDer, subject.signature);
  } catch (error) {
    if (isSymbolonError(error)) return false;
    throw error;
  }
}

/** Anchors are checked again and again; the verdict on their key never changes. */
const keyFaults = new WeakMap<Certificate, SymbolonError | "none">();

function keyFault(certificate: Certificate): SymbolonError | undefined {
  const known = keyFaults.get(certificate) ?? findKeyFault(certificate);
  keyFaults.set(certificate, known);
  return known === "none" ? undefined : known;
}

function findKeyFault(certificate: Certificate): SymbolonError | "none" {
  try {
    checkPublicKeyPolicy(certificate.spki);
    return "none";
  } catch (error) {
    if (isSymbolonError(error)) return error;
    throw error;
  }
}

function isSelfIssued(certificate: Certificate): boolean {
  return equalBytes(certificate.subject.der, certificate.issuer.der);
}

function fault(code: SpiffeErrorCode, message: string, certificate: Certificate): SymbolonError {
  return spiffeError(code, message, {
    details: { subject: certificate.subject.text, serialNumber: certificate.serialNumberHex },
  });
}

function unknownAuthority(leaf: Certificate, cause: SymbolonError | undefined): SymbolonError {
  const details = { issuer: leaf.issuer.text };
  const message = "certificate signed by unknown authority";
  return spiffeError("ERR_X509_UNKNOWN_AUTHORITY", message, cause ? { details, cause } : { details });
}

function workLimit(what: string) {
  return spiffeError("ERR_X509_WORK_LIMIT", `limit of ${what} reached while building a path`);
}

function isoTime(date: Date): string {
  return Number.isNaN(date.getTime()) ? "unknown" : date.toISOString().replace(".000Z", "Z");
}

const NO_BYTES = new Uint8Array();
