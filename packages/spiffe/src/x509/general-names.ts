import {
  contentsOf,
  contextConstructed,
  contextPrimitive,
  type DerElement,
  type DerReader,
  malformed,
  TAG,
} from "./der.ts";
import { asciiText, oidValue } from "./der-values.ts";
import { asciiBytes, encodeElement, encodeSequence } from "./der-writer.ts";
import { ipAddressBytes, ipAddressText } from "./ip-address.ts";
import { type Name, parseName } from "./name.ts";

/** RFC 5280 §4.2.1.6, by the tag of each name: a text of one form is never taken for another (CVE-2021-44531). */
export interface GeneralNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly emails: readonly string[];
  /** Text form; the octets stand beside it in `ipOctets`. */
  readonly ipAddresses: readonly string[];
  readonly ipOctets: readonly Uint8Array[];
  readonly directoryNames: readonly Name[];
  /** Tags of the forms that are not read: otherName [0], x400Address [3], ediPartyName [5], registeredID [8]. */
  readonly otherForms: readonly number[];
}

export interface GeneralNamesTemplate {
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly emails?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

const MAX_GENERAL_NAMES = 2048;

/** @throws ERR_DER_MALFORMED, ERR_DER_UNEXPECTED_TAG */
export function parseGeneralNames(reader: DerReader): GeneralNames {
  const names = {
    uris: [] as string[],
    dnsNames: [] as string[],
    emails: [] as string[],
    ipAddresses: [] as string[],
    ipOctets: [] as Uint8Array[],
    directoryNames: [] as Name[],
    otherForms: [] as number[],
  };
  let count = 0;
  while (!reader.atEnd) {
    if (++count > MAX_GENERAL_NAMES) throw malformed("too many general names");
    const element = reader.next();
    switch (element.tag) {
      case contextPrimitive(1):
        names.emails.push(asciiText(element.content));
        break;
      case contextPrimitive(2):
        names.dnsNames.push(asciiText(element.content));
        break;
      case contextPrimitive(6):
        names.uris.push(asciiText(element.content));
        break;
      case contextPrimitive(7): {
        const text = ipAddressText(element.content);
        if (text === undefined) throw malformed(`IP address of ${element.content.length} octets`);
        names.ipAddresses.push(text);
        names.ipOctets.push(element.content);
        break;
      }
      case contextConstructed(4):
        names.directoryNames.push(directoryName(element));
        break;
      case contextConstructed(0):
        checkOtherName(element);
        names.otherForms.push(0);
        break;
      case contextConstructed(3):
      case contextConstructed(5):
      case contextPrimitive(8):
        names.otherForms.push(element.tag & 0x1f);
        break;
      default:
        throw malformed("general name of an unknown form");
    }
  }
  if (count === 0) throw malformed("empty list of general names");
  return names;
}

/** `[4] EXPLICIT Name`, as Name is a CHOICE. */
export function directoryName(element: DerElement): Name {
  const inner = contentsOf(element);
  const name = parseName(inner.read(TAG.sequence));
  inner.finish();
  return name;
}

function checkOtherName(element: DerElement): void {
  const inner = contentsOf(element);
  oidValue(inner.read(TAG.oid));
  inner.read(contextConstructed(0));
  inner.finish();
}

/** @throws ERR_X509_TEMPLATE_INVALID */
export function encodeGeneralNames(names: GeneralNamesTemplate): Uint8Array {
  return encodeSequence(
    ...(names.uris ?? []).map((uri) => encodeElement(contextPrimitive(6), asciiBytes(uri))),
    ...(names.dnsNames ?? []).map((dnsName) => encodeElement(contextPrimitive(2), asciiBytes(dnsName))),
    ...(names.emails ?? []).map((email) => encodeElement(contextPrimitive(1), asciiBytes(email))),
    ...(names.ipAddresses ?? []).map((address) => encodeElement(contextPrimitive(7), ipAddressBytes(address))),
  );
}
