const FIRST_BYTES = 64 * 1024;
/** A buffer that a moment of many lines has made larger is given back. */
const KEPT_BYTES = 1 << 20;
const COPIED_BY_CALL = 48;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const DIGIT_ZERO = 0x30;
const HEX = "0123456789abcdef";

/** Lines of JSON, written as bytes: printable ASCII and line ends, whatever the texts hold (CV-23). */
export class LineBuffer {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  length = 0;

  get written(): Buffer {
    return this.#bytes.subarray(0, this.length);
  }

  clear(): void {
    this.length = 0;
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafe(FIRST_BYTES);
  }

  /** Bytes that are JSON already, such as {@link encodeJson} makes. */
  raw(bytes: Uint8Array): void {
    const count = bytes.length;
    this.#reserve(count);
    const into = this.#bytes;
    const at = this.length;
    this.length = at + count;
    // A call costs more than a few bytes.
    if (count > COPIED_BY_CALL) into.set(bytes, at);
    else for (let index = 0; index < count; index++) into[at + index] = bytes[index] as number;
  }

  /** A text in quotes; at most `limit` characters of it, the rest is "...". */
  string(text: string, limit = Number.POSITIVE_INFINITY): void {
    const end = Math.min(text.length, limit);
    // A character becomes at most six bytes.
    this.#reserve(6 * end + 5);
    const bytes = this.#bytes;
    let at = this.length;
    bytes[at++] = QUOTE;
    for (let index = 0; index < end; index++) {
      const unit = text.charCodeAt(index);
      if (unit >= 0x20 && unit < 0x7f && unit !== QUOTE && unit !== BACKSLASH) bytes[at++] = unit;
      else at = writeEscaped(bytes, at, unit);
    }
    if (end < text.length) at += bytes.write("...", at, "latin1");
    bytes[at++] = QUOTE;
    this.length = at;
  }

  /** A number; what JSON has no number for is null. */
  number(value: number): void {
    if (Number.isInteger(value) && value >= 0 && value < 1e9) this.#integer(value);
    else this.raw(encodeJson(value));
  }

  /** Milliseconds with at most three decimals. */
  milliseconds(value: number): void {
    const microseconds = Math.round(value * 1000);
    if (!(microseconds >= 0 && microseconds < 1e9)) return this.number(value);
    const fraction = microseconds % 1000;
    this.#integer((microseconds - fraction) / 1000);
    if (fraction === 0) return;
    this.#reserve(4);
    const bytes = this.#bytes;
    bytes[this.length++] = 0x2e;
    bytes[this.length++] = DIGIT_ZERO + Math.floor(fraction / 100);
    if (fraction % 100 !== 0) bytes[this.length++] = DIGIT_ZERO + (Math.floor(fraction / 10) % 10);
    if (fraction % 10 !== 0) bytes[this.length++] = DIGIT_ZERO + (fraction % 10);
  }

  #integer(value: number): void {
    this.#reserve(10);
    const bytes = this.#bytes;
    let digits = 1;
    for (let bound = 10; value >= bound; bound *= 10) digits++;
    let at = this.length + digits;
    this.length = at;
    let rest = value;
    do {
      // Below 2^30, so that integer arithmetic holds it.
      const next = (rest / 10) | 0;
      bytes[--at] = DIGIT_ZERO + rest - next * 10;
      rest = next;
    } while (rest > 0);
  }

  #reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.written);
    this.#bytes = larger;
  }
}

/** Any value as JSON in pure ASCII. */
export function encodeJson(value: unknown): Uint8Array {
  const json = JSON.stringify(value).replace(/[\x7f-\uffff]/g, (unit) => {
    const escaped = Buffer.alloc(6);
    writeEscaped(escaped, 0, unit.charCodeAt(0));
    return escaped.toString("latin1");
  });
  return Buffer.from(json, "latin1");
}

/** @returns the place behind it */
function writeEscaped(bytes: Buffer, at: number, unit: number): number {
  if (unit === QUOTE || unit === BACKSLASH) {
    bytes[at] = BACKSLASH;
    bytes[at + 1] = unit;
    return at + 2;
  }
  bytes[at] = BACKSLASH;
  bytes[at + 1] = 0x75;
  for (let digit = 0; digit < 4; digit++) bytes[at + 2 + digit] = HEX.charCodeAt((unit >> (12 - 4 * digit)) & 15);
  return at + 6;
}
