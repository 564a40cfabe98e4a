import { isSymbolonError, spiffeError } from "../core/index.ts";
import { contentsOf, contextPrimitive, type DerReader, malformed, readSingle, TAG } from "./der.ts";
import { booleanValue, namedBits, oidValue, smallIntegerValue } from "./der-values.ts";
import { type GeneralNames, parseGeneralNames } from "./general-names.ts";
import { type NameConstraints, parseNameConstraints } from "./name-constraints.ts";
import { OID } from "./oid.ts";

/** RFC 5280 §4.2.1.3, by the position of the bit. */
export const KEY_USAGES = [
  "digitalSignature",
  "nonRepudiation",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
  "encipherOnly",
  "decipherOnly",
] as const;
export type KeyUsageName = (typeof KEY_USAGES)[number];

export interface RawExtension {
  readonly oid: string;
  readonly critical: boolean;
  /** Contents of the extnValue OCTET STRING. */
  readonly value: Uint8Array;
}

export interface BasicConstraints {
  readonly critical: boolean;
  readonly ca: boolean;
  readonly pathLength?: number;
}

export interface KeyUsage {
  readonly critical: boolean;
  readonly usages: ReadonlySet<KeyUsageName>;
}

export interface ExtKeyUsage {
  readonly critical: boolean;
  /** Dotted object identifiers. */
  readonly purposes: readonly string[];
}

export interface SubjectAltName extends GeneralNames {
  readonly critical: boolean;
}

export interface Extensions {
  /** Every extension, in the order of the encoding; no OID twice. */
  readonly raw: readonly RawExtension[];
  readonly basicConstraints?: BasicConstraints;
  readonly keyUsage?: KeyUsage;
  readonly extKeyUsage?: ExtKeyUsage;
  readonly subjectAltName?: SubjectAltName;
  readonly subjectKeyId?: Uint8Array;
  readonly authorityKeyId?: Uint8Array;
  readonly nameConstraints?: NameConstraints & { readonly critical: boolean };
  /** OIDs of critical extensions that nothing here processes: RFC 5280 §4.2 has every verifier refuse them. */
  readonly unknownCritical: readonly string[];
  /** Departures from DER that are read nevertheless, because deployed encoders make them; the lint reports each. */
  readonly deviations: readonly string[];
}

const MAX_EXTENSIONS = 64;

/**
 * `Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension` (RFC 5280 §4.1).
 * @throws ERR_X509_DUPLICATE_EXTENSION, ERR_X509_EXTENSION_MALFORMED, ERR_DER_*
 */
export function parseExtensions(reader: DerReader): Extensions {
  const deviations: string[] = [];
  const raw: RawExtension[] = [];
  const known: { -readonly [Key in keyof Extensions]?: Extensions[Key] } = {};
  const unknownCritical: string[] = [];
  while (!reader.atEnd) {
    const extension = parseExtension(reader.readSequence(), deviations);
    if (raw.some(({ oid }) => oid === extension.oid)) {
      const message = `certificate contains duplicate extension with OID "${extension.oid}"`;
      throw spiffeError("ERR_X509_DUPLICATE_EXTENSION", message, { details: { oid: extension.oid } });
    }
    raw.push(extension);
    if (raw.length > MAX_EXTENSIONS) throw malformed("too many extensions");
    try {
      if (!readKnown(extension, known, deviations) && extension.critical) unknownCritical.push(extension.oid);
    } catch (cause) {
      if (!isSymbolonError(cause)) throw cause;
      const message = `extension ${extension.oid}: ${cause.message}`;
      throw spiffeError("ERR_X509_EXTENSION_MALFORMED", message, { cause, details: { oid: extension.oid } });
    }
  }
  if (raw.length === 0) throw malformed("empty list of extensions");
  return { ...known, raw, unknownCritical, deviations };
}

export const NO_EXTENSIONS: Extensions = { raw: [], unknownCritical: [], deviations: [] };

function parseExtension(fields: DerReader, deviations: string[]): RawExtension {
  const oid = oidValue(fields.read(TAG.oid));
  const flag = fields.readOptional(TAG.boolean);
  const critical = flag ? booleanValue(flag) : false;
  if (flag && !critical) deviations.push(`extension ${oid} writes its default critical=FALSE`);
  const value = fields.read(TAG.octetString).content;
  fields.finish();
  return { oid, critical, value };
}

/** Reads an extension that this module processes; false for any other. */
function readKnown(
  { oid, critical, value }: RawExtension,
  into: { -readonly [Key in keyof Extensions]?: Extensions[Key] },
  deviations: string[],
): boolean {
  const sequence = (): DerReader => contentsOf(readSingle(value, TAG.sequence));
  switch (oid) {
    case OID.basicConstraints:
      into.basicConstraints = parseBasicConstraints(sequence(), critical, deviations);
      return true;
    case OID.keyUsage: {
      const bits = namedBits(readSingle(value, TAG.bitString));
      into.keyUsage = { critical, usages: usagesOf(bits) };
      return true;
    }
    case OID.extKeyUsage:
      into.extKeyUsage = { critical, purposes: parsePurposes(sequence()) };
      return true;
    case OID.subjectAltName:
      into.subjectAltName = { critical, ...parseGeneralNames(sequence()) };
      return true;
    case OID.subjectKeyIdentifier:
      into.subjectKeyId = readSingle(value, TAG.octetString).content;
      return true;
    case OID.authorityKeyIdentifier: {
      const keyId = sequence().readOptional(contextPrimitive(0))?.content;
      if (keyId) into.authorityKeyId = keyId;
      return true;
    }
    case OID.nameConstraints:
      into.nameConstraints = { critical, ...parseNameConstraints(sequence()) };
      return true;
    // No policy is required of a SPIFFE path, so that any set of policies is acceptable (RFC 5280 §6.1.1 (c)).
    case OID.certificatePolicies:
      return true;
    default:
      return false;
  }
}

function usagesOf(bits: readonly number[]): ReadonlySet<KeyUsageName> {
  const usages = new Set<KeyUsageName>();
  for (const position of bits) {
    const usage = KEY_USAGES[position];
    if (usage) usages.add(usage);
  }
  return usages;
}

function parseBasicConstraints(fields: DerReader, critical: boolean, deviations: string[]): BasicConstraints {
  const flag = fields.readOptional(TAG.boolean);
  const ca = flag ? booleanValue(flag) : false;
  if (flag && !ca) deviations.push("basicConstraints writes its default cA=FALSE");
  const pathLength = fields.readOptional(TAG.integer);
  fields.finish();
  if (pathLength === undefined) return { critical, ca };
  // RFC 5280 §4.2.1.9: pathLenConstraint has a meaning only when cA is asserted.
  if (!ca) deviations.push("basicConstraints has a pathLenConstraint without cA");
  return { critical, ca, pathLength: smallIntegerValue(pathLength) };
}

function parsePurposes(reader: DerReader): readonly string[] {
  const purposes: string[] = [];
  while (!reader.atEnd) purposes.push(oidValue(reader.read(TAG.oid)));
  if (purposes.length === 0) throw malformed("empty list of key purposes");
  if (purposes.length > 64) throw malformed("too many key purposes");
  return purposes;
}
