import { concatBytes, spiffeError } from "../core/index.ts";

/** A flag and four bytes of length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const PREFIX_BYTES = 5;

export function frameMessage(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(PREFIX_BYTES + message.length);
  new DataView(framed.buffer).setUint32(1, message.length);
  framed.set(message, PREFIX_BYTES);
  return framed;
}

/** Puts messages together from chunks cut anywhere. */
export class MessageReader {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #buffered = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The messages that `chunk` completes.
   * @throws ERR_WORKLOAD_API_RESPONSE_TOO_LARGE from the prefix alone, before any of the message is kept;
   *   ERR_WORKLOAD_API_RESPONSE_INVALID for a compressed one, as none was asked for
   */
  push(chunk: Uint8Array): readonly Uint8Array[] {
    // Copied, as a runtime may use the memory of a chunk again.
    this.#chunks.push(new Uint8Array(chunk));
    this.#buffered += chunk.length;
    const messages: Uint8Array[] = [];
    for (let length = this.#nextLength(); length !== undefined; length = this.#nextLength()) {
      if (this.#buffered < PREFIX_BYTES + length) break;
      messages.push(this.#take(PREFIX_BYTES + length).subarray(PREFIX_BYTES));
    }
    return messages;
  }

  /** Bytes of a message that has begun and not ended. */
  get hasRest(): boolean {
    return this.#buffered > 0;
  }

  #nextLength(): number | undefined {
    if (this.#buffered < PREFIX_BYTES) return undefined;
    const [first = new Uint8Array()] = this.#chunks;
    if (first.length < PREFIX_BYTES) this.#chunks = [concatBytes(...this.#chunks)];
    const prefix = this.#chunks[0] ?? first;
    if (prefix[0] !== 0) {
      throw spiffeError(
        "ERR_WORKLOAD_API_RESPONSE_INVALID",
        `message with flag ${prefix[0]}, wanted 0, not compressed`,
      );
    }
    const length = new DataView(prefix.buffer, prefix.byteOffset).getUint32(1);
    if (length > this.#maxBytes) {
      const message = `the Workload API sent a message of ${length} bytes, more than the limit of ${this.#maxBytes}`;
      throw spiffeError("ERR_WORKLOAD_API_RESPONSE_TOO_LARGE", message, { details: { length, limit: this.#maxBytes } });
    }
    return length;
  }

  #take(length: number): Uint8Array {
    const all = this.#chunks.length === 1 ? (this.#chunks[0] as Uint8Array) : concatBytes(...this.#chunks);
    this.#buffered -= length;
    this.#chunks = this.#buffered > 0 ? [all.subarray(length)] : [];
    return all.subarray(0, length);
  }
}
