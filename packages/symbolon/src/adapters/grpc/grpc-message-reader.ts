import { GRPC_CODE, GrpcStatusError } from "./grpc-status.ts";

/** Bytes of unfinished messages, of all calls of one connection together. */
export class HeldBytes {
  #held = 0;
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** @throws GrpcStatusError ResourceExhausted */
  add(bytes: number): void {
    this.#held += bytes;
    if (this.#held > this.#max) throw tooLarge(`unfinished messages have more than ${this.#max} bytes`);
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}

const PREFIX_BYTES = 5;

/** Cuts the data of a call into messages (gRPC over HTTP/2, "Length-Prefixed-Message"). */
export class GrpcMessageReader {
  readonly #maxBytes: number;
  readonly #held: HeldBytes;
  #rest: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number, held: HeldBytes) {
    this.#maxBytes = maxBytes;
    this.#held = held;
  }

  /** True between two messages, and before the first. */
  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  /** @throws GrpcStatusError for a message that is too long, or compressed */
  push(data: Buffer, onMessage: (message: Buffer) => void): void {
    let bytes = this.#bytes === 0 ? data : undefined;
    if (!bytes) {
      this.#keep(data);
      if (this.#bytes < this.#wanted()) return;
      bytes = Buffer.concat(this.#rest, this.#bytes);
      this.release();
    }
    let at = 0;
    while (bytes.length - at >= PREFIX_BYTES) {
      const end = at + this.#messageBytes(bytes, at);
      if (end > bytes.length) break;
      onMessage(bytes.subarray(at + PREFIX_BYTES, end));
      at = end;
    }
    if (at < bytes.length) this.#keep(bytes.subarray(at));
  }

  /** Forgets what has come in part. */
  release(): void {
    this.#held.release(this.#bytes);
    this.#rest = [];
    this.#bytes = 0;
  }

  #keep(data: Buffer): void {
    this.#rest.push(data);
    this.#bytes += data.length;
    this.#held.add(data.length);
  }

  /** How many bytes there have to be before it is worth putting them together. */
  #wanted(): number {
    const [first = Buffer.alloc(0)] = this.#rest;
    if (first.length >= PREFIX_BYTES) return this.#messageBytes(first, 0);
    if (this.#bytes < PREFIX_BYTES) return PREFIX_BYTES;
    this.#rest = [Buffer.concat(this.#rest, this.#bytes)];
    return this.#messageBytes(this.#rest[0] ?? first, 0);
  }

  #messageBytes(bytes: Buffer, at: number): number {
    if (bytes[at] !== 0)
      throw new GrpcStatusError({ code: GRPC_CODE.unimplemented, details: "compressed messages are not accepted" });
    const length = bytes.readUInt32BE(at + 1);
    if (length > this.#maxBytes) throw tooLarge(`message of ${length} bytes, the limit is ${this.#maxBytes}`);
    return PREFIX_BYTES + length;
  }
}

/** A message with its prefix. */
export function frameMessage(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX_BYTES);
  return framed;
}

function tooLarge(details: string): GrpcStatusError {
  return new GrpcStatusError({ code: GRPC_CODE.resourceExhausted, details });
}
