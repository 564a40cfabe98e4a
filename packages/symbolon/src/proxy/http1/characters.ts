export const HTAB = 9;
export const LF = 10;
export const CR = 13;
export const SP = 32;
export const QUOTE = 34;
export const HASH = 35;
export const ASTERISK = 42;
export const COMMA = 44;
export const DOT = 46;
export const SLASH = 47;
export const ZERO = 48;
export const COLON = 58;
export const SEMICOLON = 59;
export const EQUALS = 61;
export const QUESTION = 63;
export const AT = 64;
export const LEFT_BRACKET = 91;
export const BACKSLASH = 92;
export const UNDERSCORE = 95;

const ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** 1 for members. */
export type ByteSet = Uint8Array;

function byteSet(members: string, ...ranges: readonly (readonly [number, number])[]): ByteSet {
  const set = new Uint8Array(256);
  for (const member of members) set[member.charCodeAt(0)] = 1;
  for (const [from, to] of ranges) set.fill(1, from, to + 1);
  return set;
}

/** tchar, RFC 9110 §5.6.2 */
export const TOKEN = byteSet(`!#$%&'*+-.^_\`|~${ALPHANUMERIC}`);
/** tchar without the underscore (CV-24). */
export const FIELD_NAME = byteSet(`!#$%&'*+-.^\`|~${ALPHANUMERIC}`);
/** field-vchar, SP and HTAB, RFC 9110 §5.5; obs-text is carried as it is. */
export const FIELD_VALUE = byteSet("\t", [0x20, 0x7e], [0x80, 0xff]);
/** What stands in registered methods; lower case is another method for some servers and the same one for others. */
export const METHOD = byteSet("ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
/** VCHAR without "#". Characters that a URI does not have but browsers send (`{`, `|`) are no ambiguity. */
export const TARGET = byteSet("", [0x21, 0x22], [0x24, 0x7e]);
/** reg-name, RFC 3986 §3.2.2, without "," (a list of two hosts?) and "%" (equal to its decoded form, or not?). */
export const HOST_NAME = byteSet(`-._~!$&'()*+;=${ALPHANUMERIC}`);
/** IPv6address, RFC 3986 §3.2.2: no zone, no IPvFuture. */
export const IP_LITERAL = byteSet("0123456789abcdefABCDEF:.");
/** qdtext without obs-text, RFC 9110 §5.6.4 */
export const QUOTED_TEXT = byteSet("\t", [0x20, 0x21], [0x23, 0x5b], [0x5d, 0x7e]);

/** Value of a hexadecimal digit, or 255. */
export const HEX_VALUE = new Uint8Array(256).fill(255);
for (let digit = 0; digit < 10; digit++) HEX_VALUE[ZERO + digit] = digit;
for (let digit = 10; digit < 16; digit++) {
  HEX_VALUE[0x41 + digit - 10] = digit;
  HEX_VALUE[0x61 + digit - 10] = digit;
}

/** ASCII lower case, every other byte as it is. */
export const LOWER = new Uint8Array(256).map((_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte));

/** @param lower in lower case */
export function equalsIgnoringCase(bytes: Uint8Array, start: number, end: number, lower: Uint8Array): boolean {
  if (end - start !== lower.length) return false;
  for (let at = 0; at < lower.length; at++) if (LOWER[bytes[start + at] as number] !== lower[at]) return false;
  return true;
}
