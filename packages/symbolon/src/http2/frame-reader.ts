import { ConnectionError, FRAME_HEADER_BYTES, H2_ERROR, MAX_FRAME_BYTES } from "./protocol.ts";

export interface Frame {
  readonly type: number;
  readonly flags: number;
  /** 0: of the connection. */
  readonly streamId: number;
  /** A view of what was received: who keeps it beyond the call keeps all of that alive, or copies it. */
  readonly payload: Buffer;
}

/** Cuts what a peer sends into frames (RFC 9113 §4.1), however it arrives. */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  /** A frame that has come in part: its first `#filled` octets. */
  #partial: Buffer | undefined;
  #filled = 0;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  /** @throws ConnectionError FRAME_SIZE_ERROR, and what `onFrame` throws */
  push(chunk: Buffer): void {
    let at = this.#partial ? this.#complete(chunk) : 0;
    while (chunk.length - at >= FRAME_HEADER_BYTES) {
      const end = at + frameBytes(chunk, at);
      if (end > chunk.length) break;
      this.#emit(chunk, at, end);
      at = end;
    }
    if (at < chunk.length) this.#keep(chunk.subarray(at));
  }

  /** @returns how much of `chunk` belongs to the frame that has come in part */
  #complete(chunk: Buffer): number {
    let at = 0;
    while (this.#partial) {
      const wanted = Math.min(this.#partial.length - this.#filled, chunk.length - at);
      chunk.copy(this.#partial, this.#filled, at, at + wanted);
      this.#filled += wanted;
      at += wanted;
      if (this.#filled < this.#partial.length) return at;
      const total = frameBytes(this.#partial, 0);
      if (total === this.#filled) {
        const whole = this.#partial;
        this.#partial = undefined;
        this.#emit(whole, 0, total);
      } else {
        this.#partial = Buffer.concat([this.#partial], total);
      }
    }
    return at;
  }

  #keep(rest: Buffer): void {
    const total = rest.length < FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES : frameBytes(rest, 0);
    this.#partial = Buffer.concat([rest], total);
    this.#filled = rest.length;
  }

  #emit(bytes: Buffer, start: number, end: number): void {
    this.#onFrame({
      type: bytes[start + 3] ?? 0,
      flags: bytes[start + 4] ?? 0,
      // The highest bit is reserved, and ignored.
      streamId: bytes.readUInt32BE(start + 5) & 0x7fff_ffff,
      payload: bytes.subarray(start + FRAME_HEADER_BYTES, end),
    });
  }
}

function frameBytes(bytes: Buffer, at: number): number {
  const length = bytes.readUIntBE(at, 3);
  if (length > MAX_FRAME_BYTES)
    throw new ConnectionError(H2_ERROR.frameSizeError, `a frame of more than ${MAX_FRAME_BYTES} bytes`);
  return FRAME_HEADER_BYTES + length;
}
