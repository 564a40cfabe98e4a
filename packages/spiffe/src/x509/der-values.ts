import { toHex } from "../core/index.ts";
import { type DerElement, malformed, TAG } from "./der.ts";

/** Longest INTEGER taken: a 16,384-bit modulus; BigInt arithmetic on more is the attacker's lever. */
const MAX_INTEGER_BYTES = 2049;
const MAX_OID_BYTES = 64;

/** X.690 §8.3 and §11. @throws ERR_DER_MALFORMED */
export function integerValue(element: DerElement): bigint {
  const magnitude = integerBytes(element);
  if (magnitude.length === 1) return BigInt(((magnitude[0] ?? 0) << 24) >> 24);
  const value = BigInt(`0x${toHex(magnitude)}`);
  return (magnitude[0] ?? 0) & 0x80 ? value - (1n << BigInt(8 * magnitude.length)) : value;
}

/** A small non-negative INTEGER. @throws ERR_DER_MALFORMED when negative or above 2^31-1 */
export function smallIntegerValue(element: DerElement): number {
  const value = integerBytes(element).length <= 4 ? integerValue(element) : -1n;
  if (value < 0n) throw malformed("INTEGER is negative or too large");
  return Number(value);
}

function integerBytes(element: DerElement): Uint8Array {
  const { content } = element;
  const first = content[0];
  if (first === undefined) throw malformed("INTEGER without octets");
  if (content.length > MAX_INTEGER_BYTES) throw malformed("INTEGER is too large");
  const second = content[1];
  // X.690 §8.3.2: the first nine bits are neither all zero nor all one.
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw malformed("INTEGER is not in its shortest form");
  }
  return content;
}

/** X.690 §11.1: TRUE is 0xff. @throws ERR_DER_MALFORMED */
export function booleanValue(element: DerElement): boolean {
  const octet = element.octet(0);
  if (element.length !== 1 || (octet !== 0x00 && octet !== 0xff)) throw malformed("BOOLEAN is not 00 or ff");
  return octet === 0xff;
}

/** Dotted text. @throws ERR_DER_MALFORMED */
export function oidValue(element: DerElement): string {
  const last = element.octet(element.length - 1);
  if (last === undefined || element.length > MAX_OID_BYTES || last & 0x80) throw malformed("OBJECT IDENTIFIER");
  const slot = slotOf(element);
  const known = recentOids[slot];
  if (known && hasContent(element, known.content)) return known.text;
  const { content } = element;
  const text = dottedText(content);
  recentOids[slot] = { content: new Uint8Array(content), text };
  return text;
}

/** A certificate has the same two dozen as every other: the latest of each slot is not read again. */
const recentOids: ({ readonly content: Uint8Array; readonly text: string } | undefined)[] = Array.from(
  { length: 256 },
  () => undefined,
);

function slotOf(element: DerElement): number {
  let sum = element.length;
  for (let at = 0; at < element.length; at++) sum = (sum * 31 + (element.octet(at) ?? 0)) & 0xff;
  return sum;
}

function hasContent(element: DerElement, content: Uint8Array): boolean {
  if (element.length !== content.length) return false;
  for (let at = 0; at < content.length; at++) if (element.octet(at) !== content[at]) return false;
  return true;
}

function dottedText(content: Uint8Array): string {
  let text = "";
  let start = 0;
  for (let at = 0; at < content.length; at++) {
    const octet = content[at] ?? 0;
    if (at === start && octet === 0x80) throw malformed("OBJECT IDENTIFIER arc is not in its shortest form");
    if (octet & 0x80) continue;
    const arc = arcValue(content, start, at);
    if (start > 0) text += `.${arc}`;
    else {
      const root = arc < 40 ? 0 : arc < 80 ? 1 : 2;
      text = `${root}.${typeof arc === "bigint" ? arc - BigInt(root * 40) : arc - root * 40}`;
    }
    start = at + 1;
  }
  return text;
}

/** Seven bits of each octet; as a bigint only where a number does not hold them. */
function arcValue(content: Uint8Array, start: number, end: number): number | bigint {
  if (end - start < 4) {
    let arc = 0;
    for (let at = start; at <= end; at++) arc = (arc << 7) | ((content[at] ?? 0) & 0x7f);
    return arc;
  }
  let arc = 0n;
  for (let at = start; at <= end; at++) arc = (arc << 7n) | BigInt((content[at] ?? 0) & 0x7f);
  return arc;
}

/** A BIT STRING of whole octets, as keys and signatures are. @throws ERR_DER_MALFORMED */
export function octetAlignedBits(element: DerElement): Uint8Array {
  const { content } = element;
  if (content[0] !== 0) throw malformed("BIT STRING is not a whole number of octets");
  return content.subarray(1);
}

/**
 * Positions of the bits that are set, in ascending order, in a named-bit BIT STRING (X.690 §11.2.2: no zero bits at the end).
 * @throws ERR_DER_MALFORMED
 */
export function namedBits(element: DerElement): readonly number[] {
  const unused = element.octet(0);
  const octets = element.length - 1;
  if (unused === undefined || unused > 7 || octets > 8) throw malformed("BIT STRING");
  const last = octets > 0 ? element.octet(octets) : undefined;
  if (last === undefined ? unused !== 0 : (last & ((1 << (unused + 1)) - 1)) !== 1 << unused) {
    throw malformed("BIT STRING has unused or zero bits at its end");
  }
  const bits: number[] = [];
  for (let at = 0; at < octets; at++) {
    const octet = element.octet(at + 1) ?? 0;
    for (let bit = 0; bit < 8; bit++) if (octet & (0x80 >> bit)) bits.push(at * 8 + bit);
  }
  return bits;
}

/** Text of an IA5String's octets, 7 bits each. @throws ERR_DER_MALFORMED */
export function asciiText(content: Uint8Array): string {
  let text = "";
  for (let at = 0; at < content.length; at++) {
    const octet = content[at] ?? 0;
    if (octet > 0x7f) throw malformed("IA5String with an octet above 7f");
    text += String.fromCharCode(octet);
  }
  return text;
}

/** UTCTime or GeneralizedTime in the form of RFC 5280 §4.1.2.5: to the second, in Z. @throws ERR_DER_MALFORMED */
export function timeValue(element: DerElement): Date {
  const { tag } = element;
  const yearDigits = tag === TAG.utcTime ? 2 : tag === TAG.generalizedTime ? 4 : 0;
  if (yearDigits === 0 || element.length !== yearDigits + 11 || element.octet(yearDigits + 10) !== UPPER_Z)
    throw malformed("time");
  const year = yearDigits === 4 ? 100 * twoDigits(element, 0) + twoDigits(element, 2) : twoDigits(element, 0);
  // RFC 5280 §4.1.2.5.1: 50..99 is 19xx, 00..49 is 20xx.
  const fullYear = yearDigits === 4 ? year : year >= 50 ? 1900 + year : 2000 + year;
  const month = twoDigits(element, yearDigits);
  const day = twoDigits(element, yearDigits + 2);
  const hour = twoDigits(element, yearDigits + 4);
  const minute = twoDigits(element, yearDigits + 6);
  const second = twoDigits(element, yearDigits + 8);
  const date = new Date(0);
  date.setUTCFullYear(fullYear, month - 1, day);
  date.setUTCHours(hour, minute, second);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) {
    throw malformed("time that no calendar has");
  }
  return date;
}

const UPPER_Z = 0x5a;
const DIGIT_0 = 0x30;

function twoDigits(element: DerElement, at: number): number {
  const tens = (element.octet(at) ?? 0) - DIGIT_0;
  const ones = (element.octet(at + 1) ?? 0) - DIGIT_0;
  if (tens < 0 || tens > 9 || ones < 0 || ones > 9) throw malformed("time");
  return 10 * tens + ones;
}
