import { spiffeError } from "../core/index.ts";

/** Identifier octets of X.690 §8.1.2 that X.509 uses; all have low tag numbers. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  t61String: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Context-specific tag, primitive: `[n] IMPLICIT` of a primitive type. */
export const contextPrimitive = (n: number): number => 0x80 | n;
/** Context-specific tag, constructed: `[n] EXPLICIT`, or `[n] IMPLICIT` of a constructed type. */
export const contextConstructed = (n: number): number => 0xa0 | n;

/** Certificates nest 9 deep; past this the input is an attack on the reader's stack. */
const MAX_DEPTH = 24;
/** No certificate or request comes near; what a peer presents is bounded before it is parsed. */
export const MAX_DER_BYTES = 256 * 1024;

/** One element: identifier octet, whole encoding, and contents. Views into the input, never copies, made when asked for. */
export class DerElement {
  readonly tag: number;
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #contentStart: number;
  readonly #end: number;
  readonly #depth: number;

  constructor(bytes: Uint8Array, start: number, contentStart: number, end: number, depth: number) {
    this.tag = bytes[start] ?? 0;
    this.#bytes = bytes;
    this.#start = start;
    this.#contentStart = contentStart;
    this.#end = end;
    this.#depth = depth;
  }

  get der(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  get content(): Uint8Array {
    return this.#bytes.subarray(this.#contentStart, this.#end);
  }

  /** Of the contents, in octets. */
  get length(): number {
    return this.#end - this.#contentStart;
  }

  /** One octet of the contents; undefined outside of them. A view of all of them costs more than reading a few. */
  octet(at: number): number | undefined {
    const position = this.#contentStart + at;
    return at >= 0 && position < this.#end ? this.#bytes[position] : undefined;
  }

  /** Reader over the contents of a constructed element. @throws ERR_DER_TOO_DEEP */
  reader(): DerReader {
    return new DerReader(this.#bytes, this.#depth + 1, this.#contentStart, this.#end);
  }
}

/**
 * Walks the elements of one constructed value, in the distinguished encoding only (X.690 §10): definite,
 * shortest lengths, low tag numbers. Whatever else arrives is refused, so that one value has one encoding.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #depth: number;
  readonly #end: number;
  #offset: number;

  /** Reads the octets from `start` to before `end`; all of them, if absent. */
  constructor(bytes: Uint8Array, depth = 0, start = 0, end = bytes.length) {
    if (depth > MAX_DEPTH) throw spiffeError("ERR_DER_TOO_DEEP", `nesting is deeper than ${MAX_DEPTH} levels`);
    this.#bytes = bytes;
    this.#depth = depth;
    this.#offset = start;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.#offset === this.#end;
  }

  /** Identifier octet of the next element; undefined at the end. */
  peekTag(): number | undefined {
    return this.#octet(this.#offset);
  }

  /** @throws ERR_DER_MALFORMED */
  next(): DerElement {
    const start = this.#offset;
    const tag = this.#octet(start);
    if (tag === undefined) throw malformed("element is missing");
    if ((tag & 0x1f) === 0x1f) throw malformed("tag number is not below 31");
    const { length, size } = this.#length(start + 1);
    const contentStart = start + 1 + size;
    const end = contentStart + length;
    if (end > this.#end) throw malformed("length runs past the end");
    this.#offset = end;
    return new DerElement(this.#bytes, start, contentStart, end, this.#depth);
  }

  /** @throws ERR_DER_UNEXPECTED_TAG, ERR_DER_MALFORMED */
  read(tag: number): DerElement {
    const found = this.peekTag();
    if (found !== tag) throw unexpectedTag(tag, found);
    return this.next();
  }

  readOptional(tag: number): DerElement | undefined {
    return this.peekTag() === tag ? this.next() : undefined;
  }

  /** @throws ERR_DER_UNEXPECTED_TAG when the next element is no SEQUENCE */
  readSequence(): DerReader {
    return contentsOf(this.read(TAG.sequence));
  }

  /** @throws ERR_DER_TRAILING_BYTES unless everything was read */
  finish(): void {
    const left = this.#end - this.#offset;
    if (left > 0) throw spiffeError("ERR_DER_TRAILING_BYTES", `${left} bytes follow the last element`);
  }

  #length(at: number): { length: number; size: number } {
    const first = this.#octet(at);
    if (first === undefined) throw malformed("length is missing");
    if (first < 0x80) return { length: first, size: 1 };
    const count = first & 0x7f;
    if (count === 0) throw malformed("indefinite length");
    if (count > 4) throw malformed("length of more than four octets");
    let length = 0;
    for (let i = 1; i <= count; i++) {
      const octet = this.#octet(at + i);
      if (octet === undefined) throw malformed("length is cut short");
      length = length * 256 + octet;
    }
    // X.690 §10.1: the fewest octets that hold the value.
    if (length < 0x80 || length < 256 ** (count - 1)) throw malformed("length is not in its shortest form");
    return { length, size: 1 + count };
  }

  /** Undefined beyond this reader's end, whatever follows there. */
  #octet(at: number): number | undefined {
    return at < this.#end ? this.#bytes[at] : undefined;
  }
}

/** Reader over the contents of a constructed element. */
export function contentsOf(element: DerElement): DerReader {
  return element.reader();
}

/**
 * The one element that `bytes` holds.
 * @throws ERR_DER_TOO_LARGE, ERR_DER_TRAILING_BYTES, ERR_DER_UNEXPECTED_TAG, ERR_DER_MALFORMED
 */
export function readSingle(bytes: Uint8Array, tag: number): DerElement {
  if (bytes.length > MAX_DER_BYTES) {
    throw spiffeError("ERR_DER_TOO_LARGE", `input has ${bytes.length} bytes, more than ${MAX_DER_BYTES}`);
  }
  const reader = new DerReader(bytes);
  const element = reader.read(tag);
  reader.finish();
  return element;
}

export function malformed(what: string) {
  return spiffeError("ERR_DER_MALFORMED", `malformed DER: ${what}`);
}

function unexpectedTag(wanted: number, found: number | undefined) {
  const text = found === undefined ? "nothing" : tagText(found);
  return spiffeError("ERR_DER_UNEXPECTED_TAG", `malformed DER: expected tag ${tagText(wanted)}, found ${text}`);
}

function tagText(tag: number): string {
  return `0x${tag.toString(16).padStart(2, "0")}`;
}
