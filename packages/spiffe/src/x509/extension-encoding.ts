import { concatBytes } from "../core/index.ts";
import { contextConstructed, contextPrimitive } from "./der.ts";
import {
  encodeBoolean,
  encodeElement,
  encodeInteger,
  encodeNamedBits,
  encodeOctetString,
  encodeOid,
  encodeSequence,
} from "./der-writer.ts";
import { KEY_USAGES, type KeyUsageName, type RawExtension } from "./extensions.ts";
import { encodeGeneralNames, type GeneralNamesTemplate } from "./general-names.ts";
import { OID } from "./oid.ts";

/** What a certificate is to carry; an absent member leaves its extension out. */
export interface ExtensionsTemplate {
  /** Always critical (RFC 5280 §4.2.1.9). */
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number };
  /** Always critical (X509-SVID §4.3). */
  readonly keyUsage?: readonly KeyUsageName[];
  /** Dotted object identifiers; never critical. */
  readonly extKeyUsage?: readonly string[];
  readonly subjectAltName?: GeneralNamesTemplate & { readonly critical?: boolean };
  readonly subjectKeyId?: Uint8Array;
  readonly authorityKeyId?: Uint8Array;
  /** Always critical (RFC 5280 §4.2.1.10). */
  readonly nameConstraints?: { readonly permitted?: GeneralNamesTemplate; readonly excluded?: GeneralNamesTemplate };
  /** After the others, as they are. */
  readonly others?: readonly RawExtension[];
}

/** `Extensions`, in a fixed order. @throws ERR_X509_TEMPLATE_INVALID */
export function encodeExtensions(template: ExtensionsTemplate): Uint8Array {
  return encodeSequence(...templateExtensions(template).map(encodeExtension));
}

/** Undefined when the template asks for none: `Extensions` has at least one (RFC 5280 §4.1). */
export function encodeExtensionsIfAny(template: ExtensionsTemplate): Uint8Array | undefined {
  const extensions = templateExtensions(template);
  return extensions.length > 0 ? encodeSequence(...extensions.map(encodeExtension)) : undefined;
}

/** The same without what encloses them, for a part of a list. @throws ERR_X509_TEMPLATE_INVALID */
export function encodeExtensionList(template: ExtensionsTemplate): Uint8Array {
  return concatBytes(...templateExtensions(template).map(encodeExtension));
}

function templateExtensions(template: ExtensionsTemplate): readonly RawExtension[] {
  const { basicConstraints, keyUsage, extKeyUsage, subjectAltName, subjectKeyId, authorityKeyId, nameConstraints } =
    template;
  const extensions: RawExtension[] = [];
  const add = (oid: string, critical: boolean, value: Uint8Array): void =>
    void extensions.push({ oid, critical, value });
  if (keyUsage) add(OID.keyUsage, true, encodeNamedBits(keyUsage.map((usage) => KEY_USAGES.indexOf(usage))));
  if (extKeyUsage) add(OID.extKeyUsage, false, encodeSequence(...extKeyUsage.map(encodeOid)));
  if (basicConstraints) add(OID.basicConstraints, true, encodeBasicConstraints(basicConstraints));
  if (subjectKeyId) extensions.push(subjectKeyIdExtension(subjectKeyId));
  if (authorityKeyId) {
    add(OID.authorityKeyIdentifier, false, encodeSequence(encodeElement(contextPrimitive(0), authorityKeyId)));
  }
  if (subjectAltName) extensions.push(subjectAltNameExtension(subjectAltName));
  if (nameConstraints) add(OID.nameConstraints, true, encodeNameConstraints(nameConstraints));
  return [...extensions, ...(template.others ?? [])];
}

export function subjectKeyIdExtension(keyId: Uint8Array): RawExtension {
  return { oid: OID.subjectKeyIdentifier, critical: false, value: encodeOctetString(keyId) };
}

/** @throws ERR_X509_TEMPLATE_INVALID */
export function subjectAltNameExtension(names: NonNullable<ExtensionsTemplate["subjectAltName"]>): RawExtension {
  return { oid: OID.subjectAltName, critical: names.critical ?? false, value: encodeGeneralNames(names) };
}

export function encodeExtension({ oid, critical, value }: RawExtension): Uint8Array {
  return critical
    ? encodeSequence(encodeOid(oid), CRITICAL, encodeOctetString(value))
    : encodeSequence(encodeOid(oid), encodeOctetString(value));
}

const CRITICAL = encodeBoolean(true);

function encodeBasicConstraints({
  ca,
  pathLength,
}: {
  readonly ca: boolean;
  readonly pathLength?: number;
}): Uint8Array {
  const flag = ca ? [encodeBoolean(true)] : [];
  const length = pathLength === undefined ? [] : [encodeInteger(BigInt(pathLength))];
  return encodeSequence(...flag, ...length);
}

function encodeNameConstraints(constraints: NonNullable<ExtensionsTemplate["nameConstraints"]>): Uint8Array {
  const subtrees = (tag: number, names: GeneralNamesTemplate | undefined): Uint8Array[] => {
    if (!names) return [];
    const bases = [
      ...(names.uris ?? []).map((uri) => encodeGeneralNames({ uris: [uri] })),
      ...(names.dnsNames ?? []).map((dnsName) => encodeGeneralNames({ dnsNames: [dnsName] })),
      ...(names.emails ?? []).map((email) => encodeGeneralNames({ emails: [email] })),
    ];
    return [encodeElement(contextConstructed(tag), ...bases)];
  };
  return encodeSequence(...subtrees(0, constraints.permitted), ...subtrees(1, constraints.excluded));
}
