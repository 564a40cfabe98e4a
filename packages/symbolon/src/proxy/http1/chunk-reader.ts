import {
  BACKSLASH,
  type ByteSet,
  CR,
  EQUALS,
  FIELD_VALUE,
  HEX_VALUE,
  LF,
  QUOTE,
  QUOTED_TEXT,
  SEMICOLON,
  TOKEN,
} from "./characters.ts";
import { FAILED, FieldLines, INCOMPLETE, SECTION_END } from "./field-lines.ts";
import { FIELD } from "./field-names.ts";
import type { Http1Limits } from "./limits.ts";
import { LIMIT_ERRORS, MESSAGE_ERRORS, type MessageError, type MessageErrorCode } from "./message-error.ts";

type State = "size" | "data" | "data-end" | "trailers";

/** Reads chunked content (RFC 9112 §7.1). Extensions are checked and dropped: they end at each hop. */
export class ChunkReader {
  /** In order; names in lower case. As strings, because the bytes of one line may be gone when the next one comes. */
  trailers: (readonly [name: string, value: string])[] = [];
  readonly #line = new FieldLines();
  readonly #limits: Http1Limits;
  #state: State = "size";
  #remaining = 0;
  #total = 0;
  #extensionBytes = 0;
  #trailerBytes = 0;
  #trailerLines = 0;
  /** Where reading stopped. */
  at = 0;
  bodyStart = 0;
  bodyEnd = 0;
  error: MessageError = MESSAGE_ERRORS.chunk_size_invalid;

  constructor(limits: Http1Limits) {
    this.#limits = limits;
  }

  start(): void {
    this.#state = "size";
    this.#total = 0;
    this.#extensionBytes = 0;
    this.#trailerBytes = 0;
    this.#trailerLines = 0;
    if (this.trailers.length > 0) this.trailers = [];
  }

  read(bytes: Buffer, start: number, end: number): "body" | "end" | "more" | "failed" {
    this.at = start;
    for (;;) {
      if (this.#state === "data") {
        if (this.at === end) return "more";
        this.bodyStart = this.at;
        this.bodyEnd = this.at = Math.min(end, this.at + this.#remaining);
        this.#remaining -= this.bodyEnd - this.bodyStart;
        if (this.#remaining === 0) this.#state = "data-end";
        return "body";
      }
      if (this.#state === "trailers") return this.#readTrailers(bytes, end);
      const next =
        this.#state === "size" ? this.#readSize(bytes, this.at, end) : this.#readDataEnd(bytes, this.at, end);
      if (next === INCOMPLETE) return "more";
      if (next === FAILED) return "failed";
      this.at = next;
    }
  }

  /** chunk-size [ chunk-ext ] CRLF. Read again from its start when it is incomplete: it is short. */
  #readSize(bytes: Buffer, start: number, end: number): number {
    const { chunkSizeDigits, chunkHeaderBytes } = this.#limits;
    const stop = Math.min(end, start + chunkHeaderBytes);
    let at = start;
    let size = 0;
    for (let digit = 255; at < stop; at++) {
      digit = HEX_VALUE[bytes[at] as number] as number;
      if (digit === 255) break;
      if (at - start === chunkSizeDigits) return this.#above("chunkSizeDigits");
      size = size * 16 + digit;
    }
    if (at === start) return at === end ? INCOMPLETE : this.#fail("chunk_size_invalid");
    if (size > Number.MAX_SAFE_INTEGER) return this.#fail("chunk_size_invalid");
    const extensionsStart = at;
    at = skipExtensions(bytes, at, stop);
    if (at === FAILED) return this.#fail("chunk_extension_invalid");
    if (at !== INCOMPLETE && bytes[at] !== CR) return this.#fail(bytes[at] === LF ? "bare_lf" : "chunk_size_invalid");
    if (at === INCOMPLETE || at + 1 === stop) return end > stop ? this.#above("chunkHeaderBytes") : INCOMPLETE;
    if (bytes[at + 1] !== LF) return this.#fail("bare_cr");
    this.#extensionBytes += at - extensionsStart;
    if (this.#extensionBytes > this.#limits.chunkExtensionBytes) return this.#above("chunkExtensionBytes");
    this.#total += size;
    if (this.#total > this.#limits.bodyBytes) return this.#above("bodyBytes");
    this.#remaining = size;
    this.#state = size === 0 ? "trailers" : "data";
    return at + 2;
  }

  #readDataEnd(bytes: Buffer, start: number, end: number): number {
    if (start === end) return INCOMPLETE;
    if (bytes[start] !== CR) return this.#fail("chunk_unterminated");
    if (start + 1 === end) return INCOMPLETE;
    if (bytes[start + 1] !== LF) return this.#fail("chunk_unterminated");
    this.#state = "size";
    return start + 2;
  }

  #readTrailers(bytes: Buffer, end: number): "end" | "more" | "failed" {
    const line = this.#line;
    const { trailerBytes, trailerLines } = this.#limits;
    for (;;) {
      const limit = this.at + trailerBytes - this.#trailerBytes;
      // The empty line after the last one is not one of them.
      const stop = Math.min(end, limit + 2);
      line.clear();
      line.bytes = bytes;
      const result = line.readLine(this.at, stop);
      if (result === SECTION_END) {
        this.at += 2;
        return "end";
      }
      if (result === FAILED) {
        this.error = line.error;
        return "failed";
      }
      if (result === INCOMPLETE && end === stop) return "more";
      if (result === INCOMPLETE || result > limit || this.#trailerLines === trailerLines) {
        this.error = LIMIT_ERRORS[this.#trailerLines === trailerLines ? "trailerLines" : "trailerBytes"];
        return "failed";
      }
      const id = line.id(0);
      if (id !== FIELD.other && id !== FIELD.userAgent && id !== FIELD.traceParent && id !== FIELD.ignoredTrailer)
        return this.#failed("trailer_forbidden");
      this.#trailerLines++;
      if (id !== FIELD.ignoredTrailer) this.trailers.push([line.name(0), line.value(0)]);
      this.#trailerBytes += result - this.at;
      this.at = result;
    }
  }

  #above(limit: keyof Http1Limits): number {
    this.error = LIMIT_ERRORS[limit];
    return FAILED;
  }

  #failed(code: MessageErrorCode): "failed" {
    this.error = MESSAGE_ERRORS[code];
    return "failed";
  }

  #fail(code: MessageErrorCode): number {
    this.error = MESSAGE_ERRORS[code];
    return FAILED;
  }
}

/** *( ";" token [ "=" ( token / quoted-string ) ] ), RFC 9112 §7.1.1, without its "bad" whitespace. Position of what follows. */
function skipExtensions(bytes: Uint8Array, start: number, stop: number): number {
  let at = start;
  for (;;) {
    if (at === stop) return INCOMPLETE;
    if (bytes[at] !== SEMICOLON) return at;
    const name = at + 1;
    at = skip(TOKEN, bytes, name, stop);
    if (at === stop) return INCOMPLETE;
    if (at === name) return FAILED;
    if (bytes[at] !== EQUALS) continue;
    const value = at + 1;
    if (value === stop) return INCOMPLETE;
    at = bytes[value] === QUOTE ? skipQuoted(bytes, value, stop) : skip(TOKEN, bytes, value, stop);
    if (at < 0) return at;
    if (at === stop) return INCOMPLETE;
    if (at === value) return FAILED;
  }
}

/** quoted-string, RFC 9110 §5.6.4 */
function skipQuoted(bytes: Uint8Array, start: number, stop: number): number {
  let at = start + 1;
  for (;;) {
    at = skip(QUOTED_TEXT, bytes, at, stop);
    if (at === stop) return INCOMPLETE;
    if (bytes[at] === QUOTE) return at + 1;
    if (bytes[at] !== BACKSLASH) return FAILED;
    if (at + 1 === stop) return INCOMPLETE;
    if (FIELD_VALUE[bytes[at + 1] as number] === 0) return FAILED;
    at += 2;
  }
}

function skip(set: ByteSet, bytes: Uint8Array, start: number, stop: number): number {
  let at = start;
  while (at < stop && set[bytes[at] as number] === 1) at++;
  return at;
}
