/**
 * Puts a harmless `:authority` in place of each one that an HTTP/2 client sends. gRPC libraries send the socket's path
 * (`/run/agent.sock`, `run%2Fagent.sock`), which the HTTP/2 layer refuses before gRPC sees it (runtime-facts §2, W1).
 *
 * The value keeps its length on the wire, so that frames stay as they are. A Huffman-coded value becomes a plain one of as
 * many bytes: the receiver's dynamic table then holds a shorter entry than the sender thinks, and drops it later, never
 * earlier (RFC 7541 §4.4).
 */
export interface AuthorityRewriter {
  /** @returns what to pass on; frames that have not arrived as a whole are kept back */
  push(chunk: Uint8Array): readonly Uint8Array[];
  /** The client's connection preface has come (RFC 9113 §3.4). */
  readonly hasPreface: boolean;
}

const PREFACE = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const FRAME_HEADER_BYTES = 9;
const HEADERS = 1;
const FLAG_PADDED = 0x08;
const FLAG_PRIORITY = 0x20;
/** Longest frame that our side allows (SETTINGS_MAX_FRAME_SIZE's default); the HTTP/2 layer refuses a longer one. */
const MAX_FRAME_BYTES = 16_384;
/** Index of `:authority` in the static table (RFC 7541 Appendix A). */
const AUTHORITY_INDEX = 1;
const AUTHORITY_NAME = new TextEncoder().encode(":authority");
const FILLER = "a".charCodeAt(0);

export function createAuthorityRewriter(): AuthorityRewriter {
  let kept: Uint8Array = new Uint8Array(0);
  let hasPreface = false;
  /** Bytes of a frame without headers that are still to come, and pass as they are. */
  let passing = 0;

  return {
    get hasPreface() {
      return hasPreface;
    },
    push(chunk) {
      const bytes = kept.length === 0 ? chunk : Buffer.concat([kept, chunk]);
      const ready: Uint8Array[] = [];
      let at = 0;
      if (!hasPreface) {
        // A wrong preface is the HTTP/2 layer's to refuse: it gets it as soon as it differs.
        const length = Math.min(bytes.length, PREFACE.length);
        const differs = PREFACE.subarray(0, length).some((byte, index) => byte !== bytes[index]);
        if (length < PREFACE.length && !differs) {
          kept = bytes;
          return ready;
        }
        hasPreface = !differs;
        if (differs) {
          kept = new Uint8Array(0);
          return [bytes];
        }
        at = PREFACE.length;
        ready.push(bytes.subarray(0, at));
      }
      while (at < bytes.length) {
        if (passing > 0) {
          const end = Math.min(bytes.length, at + passing);
          passing -= end - at;
          ready.push(bytes.subarray(at, end));
          at = end;
          continue;
        }
        if (bytes.length - at < FRAME_HEADER_BYTES) break;
        const length = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
        const total = FRAME_HEADER_BYTES + length;
        if (bytes[at + 3] !== HEADERS || length > MAX_FRAME_BYTES) {
          passing = total;
          continue;
        }
        if (bytes.length - at < total) break;
        const frame = Uint8Array.prototype.slice.call(bytes, at, at + total);
        rewriteHeaders(frame);
        ready.push(frame);
        at += total;
      }
      kept = bytes.subarray(at);
      return ready;
    },
  };
}

/** @param frame a whole HEADERS frame (RFC 9113 §6.2), changed in place */
function rewriteHeaders(frame: Uint8Array): void {
  const flags = frame[4] ?? 0;
  let at = FRAME_HEADER_BYTES;
  let end = frame.length;
  if (flags & FLAG_PADDED) end -= frame[at++] ?? 0;
  if (flags & FLAG_PRIORITY) at += 5;
  const reader = new FieldReader(frame, at, end);
  while (reader.next());
}

/** Walks over the header fields of one block fragment (RFC 7541 §6). Stops where it does not understand. */
class FieldReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  /** @returns false at the end of the fragment, or of what can be read */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    const first = this.#bytes[this.#at] ?? 0;
    if (first & 0x80) return this.#integer(7) !== undefined;
    if ((first & 0xe0) === 0x20) return this.#integer(5) !== undefined;
    const nameIndex = this.#integer(first & 0x40 ? 6 : 4);
    if (nameIndex === undefined) return false;
    let isAuthority = nameIndex === AUTHORITY_INDEX;
    if (nameIndex === 0) {
      const name = this.#string();
      if (!name) return false;
      isAuthority =
        name.length === AUTHORITY_NAME.length && name.every((byte, index) => byte === AUTHORITY_NAME[index]);
    }
    const lengthAt = this.#at;
    const value = this.#string();
    if (!value) return false;
    if (isAuthority && value.length > 0) {
      this.#bytes[lengthAt] = (this.#bytes[lengthAt] ?? 0) & 0x7f;
      value.fill(FILLER);
    }
    return true;
  }

  /** RFC 7541 §5.1 */
  #integer(prefixBits: number): number | undefined {
    const mask = 2 ** prefixBits - 1;
    let value = (this.#bytes[this.#at++] ?? 0) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#at >= this.#end) return undefined;
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
    return undefined;
  }

  /** RFC 7541 §5.2: the bytes as they are, Huffman-coded or not. */
  #string(): Uint8Array | undefined {
    if (this.#at >= this.#end) return undefined;
    const length = this.#integer(7);
    if (length === undefined || this.#at + length > this.#end) return undefined;
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }
}
