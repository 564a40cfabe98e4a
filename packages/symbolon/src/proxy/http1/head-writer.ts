import { ZERO } from "./characters.ts";

const INITIAL_BYTES = 16 * 1024;
/** Below this a loop is faster than a call into the runtime. */
const SHORT_COPY_BYTES = 24;

/** A growing buffer that messages are written into; one serves many connections, because nobody keeps what it returns. */
export class HeadWriter {
  #bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;

  clear(): void {
    this.#length = 0;
  }

  get length(): number {
    return this.#length;
  }

  /** What has been written is at its beginning. Valid until the next write. */
  get buffer(): Buffer {
    return this.#bytes;
  }

  get written(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** @param text ASCII, or one character a byte */
  text(text: string): void {
    const { length } = text;
    this.#reserve(length);
    const target = this.#bytes;
    const to = this.#length;
    if (length > SHORT_COPY_BYTES) target.write(text, to, "latin1");
    else for (let at = 0; at < length; at++) target[to + at] = text.charCodeAt(at);
    this.#length += length;
  }

  bytes(source: Buffer, start = 0, end = source.length): void {
    const length = end - start;
    this.#reserve(length);
    const target = this.#bytes;
    let to = this.#length;
    if (length > SHORT_COPY_BYTES) source.copy(target, to, start, end);
    else for (let at = start; at < end; at++) target[to++] = source[at] as number;
    this.#length += length;
  }

  /** Decimal. */
  number(value: number): void {
    if (value > 9) return this.text(String(value));
    this.#reserve(1);
    this.#bytes[this.#length++] = ZERO + value;
  }

  /** Size of a chunk and its CRLF (RFC 9112 §7.1). */
  chunkHeader(size: number): void {
    this.text(`${size.toString(16)}\r\n`);
  }

  #reserve(extra: number): void {
    if (this.#length + extra <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe((this.#length + extra) * 2);
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
