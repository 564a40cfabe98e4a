import { spiffeError } from "../core/index.ts";
import { TAG } from "./der.ts";

/** One element with the shortest definite length. */
export function encodeElement(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of contents) length += part.length;
  const headerSize = 1 + lengthSize(length);
  const out = new Uint8Array(headerSize + length);
  out[0] = tag;
  writeLength(out, length, headerSize);
  let offset = headerSize;
  for (const part of contents) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

export function encodeSequence(...elements: readonly Uint8Array[]): Uint8Array {
  return encodeElement(TAG.sequence, ...elements);
}

/** SET OF: X.690 §11.6 sorts the encodings. */
export function encodeSetOf(elements: readonly Uint8Array[]): Uint8Array {
  return encodeElement(TAG.set, ...[...elements].sort(compareBytes));
}

export function encodeInteger(value: bigint): Uint8Array {
  // Two's complement: as many octets as the magnitude and one bit for the sign need, each inverted if it is negative.
  const hex = (value < 0n ? -value - 1n : value).toString(16);
  const bits = 4 * hex.length + 28 - Math.clz32(hexDigit(hex, 0));
  const inverted = value < 0n ? 0xff : 0x00;
  const octets = new Uint8Array((bits >> 3) + 1);
  for (let at = octets.length - 1, digit = hex.length - 1; at >= 0; at--, digit -= 2)
    octets[at] = (16 * hexDigit(hex, digit - 1) + hexDigit(hex, digit)) ^ inverted;
  return encodeElement(TAG.integer, octets);
}

/** Of lower-case hexadecimal; 0 before its first digit. */
function hexDigit(hex: string, at: number): number {
  if (at < 0) return 0;
  const code = hex.charCodeAt(at);
  return code < 0x3a ? code - 0x30 : code - 0x57;
}

export function encodeBoolean(value: boolean): Uint8Array {
  return Uint8Array.of(TAG.boolean, 1, value ? 0xff : 0x00);
}

export function encodeNull(): Uint8Array {
  return Uint8Array.of(TAG.null, 0);
}

export function encodeOid(dotted: string): Uint8Array {
  const known = encodedOids.get(dotted);
  if (known) return known;
  const encoded = encodeOidAnew(dotted);
  if (encodedOids.size < MAX_ENCODED_OIDS) encodedOids.set(dotted, encoded);
  return encoded;
}

/** A certificate has the same dozen as every other. Nobody writes into what an `encode*` function answers. */
const encodedOids = new Map<string, Uint8Array>();
const MAX_ENCODED_OIDS = 128;

function encodeOidAnew(dotted: string): Uint8Array {
  const [root = 0n, second = 0n, ...rest] = dotted.split(".").map(BigInt);
  const octets = [root * 40n + second, ...rest].flatMap(arcOctets);
  return encodeElement(TAG.oid, Uint8Array.from(octets));
}

function arcOctets(arc: bigint): number[] {
  const octets = [Number(arc & 0x7fn)];
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) octets.unshift(Number(rest & 0x7fn) | 0x80);
  return octets;
}

export function encodeOctetString(content: Uint8Array): Uint8Array {
  return encodeElement(TAG.octetString, content);
}

/** BIT STRING of whole octets. */
export function encodeBitString(content: Uint8Array): Uint8Array {
  return encodeElement(TAG.bitString, Uint8Array.of(0), content);
}

/** Named-bit BIT STRING, without zero bits at the end (X.690 §11.2.2). */
export function encodeNamedBits(positions: Iterable<number>): Uint8Array {
  const octets: number[] = [];
  let last = -1;
  for (const position of positions) {
    const index = position >> 3;
    while (octets.length <= index) octets.push(0);
    octets[index] = (octets[index] ?? 0) | (0x80 >> (position & 7));
    last = Math.max(last, position);
  }
  return encodeElement(TAG.bitString, Uint8Array.of(last < 0 ? 0 : 7 - (last & 7)), Uint8Array.from(octets));
}

export function encodeUtf8String(text: string): Uint8Array {
  return encodeElement(TAG.utf8String, new TextEncoder().encode(text));
}

/** RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050; no fractions of a second. */
export function encodeTime(date: Date): Uint8Array {
  const year = date.getUTCFullYear();
  // YYYY-MM-DDTHH:MM:SS.sssZ, of which the digits to the seconds are wanted.
  const text = date.toISOString();
  const positions = year >= 1950 && year < 2050 ? TWO_DIGIT_YEAR : FOUR_DIGIT_YEAR;
  const octets = new Uint8Array(positions.length + 1);
  for (let at = 0; at < positions.length; at++) octets[at] = text.charCodeAt(positions[at] ?? 0);
  octets[positions.length] = UPPER_Z;
  return encodeElement(positions === TWO_DIGIT_YEAR ? TAG.utcTime : TAG.generalizedTime, octets);
}

const TWO_DIGIT_YEAR = [2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18] as const;
const FOUR_DIGIT_YEAR = [0, 1, ...TWO_DIGIT_YEAR] as const;
const UPPER_Z = 0x5a;

/** Octets of an IA5String. @throws ERR_X509_TEMPLATE_INVALID */
export function asciiBytes(text: string): Uint8Array {
  const octets = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) throw spiffeError("ERR_X509_TEMPLATE_INVALID", `text "${text}" has characters that are not ASCII`);
    octets[at] = code;
  }
  return octets;
}

/** X.690 §10.1: one octet below 128, else a count and the fewest octets that hold the value. */
function lengthSize(length: number): number {
  let size = 1;
  if (length >= 0x80) for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) size++;
  return size;
}

/** The length octets, which end where the contents begin. */
function writeLength(out: Uint8Array, length: number, end: number): void {
  if (end === 2) {
    out[1] = length;
    return;
  }
  out[1] = 0x80 | (end - 2);
  for (let at = end - 1, rest = length; at > 1; at--, rest = Math.floor(rest / 256)) out[at] = rest % 256;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
