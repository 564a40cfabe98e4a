import { spiffeError, toHex } from "../core/index.ts";
import { contentsOf, type DerElement, malformed, TAG } from "./der.ts";
import { oidValue } from "./der-values.ts";
import { asciiBytes, encodeElement, encodeOid, encodeSequence, encodeSetOf, encodeUtf8String } from "./der-writer.ts";
import { OID } from "./oid.ts";

export interface NameAttribute {
  readonly oid: string;
  readonly value: string;
}

/** RFC 5280 §4.1.2.4. Names are compared by their bytes; the text is for people. */
export interface Name {
  readonly der: Uint8Array;
  readonly isEmpty: boolean;
  /** In the order of the encoding. */
  readonly attributes: readonly NameAttribute[];
  /** DER of each RelativeDistinguishedName, for name constraints. */
  readonly rdns: readonly Uint8Array[];
  /** Like RFC 4514, but in the order of the encoding, as OpenSSL prints it: `O=acme,CN=web`. */
  readonly text: string;
}

/** X.520's upper bounds are far below; a name is not a place for a payload. */
const MAX_ATTRIBUTES = 64;

const SHORT_NAMES: Readonly<Record<string, string>> = {
  [OID.commonName]: "CN",
  [OID.serialNumberAttribute]: "serialNumber",
  [OID.countryName]: "C",
  [OID.localityName]: "L",
  [OID.stateOrProvinceName]: "ST",
  [OID.organizationName]: "O",
  [OID.organizationalUnitName]: "OU",
  [OID.domainComponent]: "DC",
  [OID.emailAddress]: "emailAddress",
};

/** @throws ERR_DER_MALFORMED, ERR_DER_UNEXPECTED_TAG */
export function parseName(element: DerElement): Name {
  const attributes: NameAttribute[] = [];
  const rdns: Uint8Array[] = [];
  const texts: string[] = [];
  const reader = contentsOf(element);
  while (!reader.atEnd) {
    const rdn = reader.read(TAG.set);
    const parts: string[] = [];
    const members = contentsOf(rdn);
    while (!members.atEnd) {
      const member = members.readSequence();
      const oid = oidValue(member.read(TAG.oid));
      const value = directoryString(member.next());
      member.finish();
      attributes.push({ oid, value });
      parts.push(`${SHORT_NAMES[oid] ?? oid}=${escapeValue(value)}`);
      if (attributes.length > MAX_ATTRIBUTES) throw malformed("name with too many attributes");
    }
    if (parts.length === 0) throw malformed("empty relative distinguished name");
    rdns.push(rdn.der);
    texts.push(parts.join("+"));
  }
  return { der: element.der, isEmpty: rdns.length === 0, attributes, rdns, text: texts.join(",") };
}

/** One attribute a relative distinguished name, in the order given. */
export function encodeName(attributes: readonly NameAttribute[] = []): Uint8Array {
  return encodeSequence(
    ...attributes.map(({ oid, value }) =>
      encodeSetOf([encodeSequence(encodeOid(oid), encodeAttributeValue(oid, value))]),
    ),
  );
}

/** RFC 5280 appendix A: countryName and serialNumber are PrintableString, domainComponent and emailAddress IA5String. */
function encodeAttributeValue(oid: string, value: string): Uint8Array {
  if (oid === OID.countryName || oid === OID.serialNumberAttribute) {
    return encodeElement(TAG.printableString, asciiBytes(value));
  }
  if (oid === OID.domainComponent || oid === OID.emailAddress) return encodeElement(TAG.ia5String, asciiBytes(value));
  return encodeUtf8String(value);
}

function directoryString(element: DerElement): string {
  const { content, tag } = element;
  switch (tag) {
    case TAG.utf8String:
      return utf8Text(content);
    case TAG.printableString:
    case TAG.ia5String:
    case TAG.numericString:
    case TAG.visibleString:
    case TAG.t61String:
      return Array.from(content, (octet) => String.fromCharCode(octet)).join("");
    case TAG.bmpString:
      return bigEndianText(content, 2);
    case TAG.universalString:
      return bigEndianText(content, 4);
    default:
      return `#${toHex(element.der)}`;
  }
}

const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function utf8Text(content: Uint8Array): string {
  try {
    return STRICT_UTF8.decode(content);
  } catch (cause) {
    throw spiffeError("ERR_DER_MALFORMED", "malformed DER: string that is not UTF-8", { cause });
  }
}

function bigEndianText(content: Uint8Array, unit: 2 | 4): string {
  if (content.length % unit !== 0) throw malformed("string that is cut short");
  let text = "";
  for (let at = 0; at < content.length; at += unit) {
    let code = 0;
    for (let i = 0; i < unit; i++) code = code * 256 + (content[at + i] ?? 0);
    if (code > 0x10ffff) throw malformed("string with a character outside Unicode");
    text += unit === 2 ? String.fromCharCode(code) : String.fromCodePoint(code);
  }
  return text;
}

const PLAIN = /^[A-Za-z0-9._:/-]*$/;

/** RFC 4514 §2.4, and control characters in hexadecimal: this text reaches logs. */
function escapeValue(value: string): string {
  if (PLAIN.test(value)) return value;
  return value
    .replace(/[\\",+;<>=]|^[ #]| $/g, "\\$&")
    .replace(
      /[\u0000-\u001f\u007f-\u009f]/g,
      (character) => `\\${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
    );
}
