import { productError } from "../../core/index.ts";

/** A frame is a 4-byte big-endian length and that many bytes of JSON text. */
const HEADER_BYTES = 4;
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** One frame around JSON text that is already encoded. */
export function encodeFrame(json: Uint8Array): Buffer {
  if (json.length > MAX_FRAME_BYTES)
    throw productError("ERR_FRAME_INVALID", `a frame of ${json.length} bytes is over the limit of ${MAX_FRAME_BYTES}`);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + json.length);
  frame.writeUInt32BE(json.length);
  frame.set(json, HEADER_BYTES);
  return frame;
}

export function encodeMessage(message: unknown): Buffer {
  return encodeFrame(Buffer.from(JSON.stringify(message)));
}

export interface FrameDecoder {
  /** Bodies of the frames that this chunk completes. @throws ERR_FRAME_INVALID; the stream is of no use after that */
  push(chunk: Uint8Array): readonly Buffer[];
}

export function createFrameDecoder(maxFrameBytes = MAX_FRAME_BYTES): FrameDecoder {
  let pending: Buffer[] = [];
  let size = 0;

  const take = (count: number): Buffer => {
    const all = pending.length === 1 ? (pending[0] as Buffer) : Buffer.concat(pending);
    const rest = all.subarray(count);
    pending = rest.length > 0 ? [rest] : [];
    size -= count;
    return all.subarray(0, count);
  };
  const peekLength = (): number => {
    if (pending[0] && pending[0].length < HEADER_BYTES) pending = [Buffer.concat(pending)];
    return pending[0]?.readUInt32BE(0) ?? 0;
  };

  return {
    push(chunk) {
      // Copied: the receive buffer belongs to the runtime.
      pending.push(Buffer.from(chunk));
      size += chunk.length;
      const frames: Buffer[] = [];
      while (size >= HEADER_BYTES) {
        const length = peekLength();
        if (length > maxFrameBytes)
          throw productError("ERR_FRAME_INVALID", `a frame of ${length} bytes is over the limit of ${maxFrameBytes}`);
        if (size < HEADER_BYTES + length) break;
        take(HEADER_BYTES);
        frames.push(take(length));
      }
      return frames;
    },
  };
}

/** The JSON object in a frame. @throws ERR_FRAME_INVALID without quoting the content, which may hold a key */
export function parseMessage(frame: Buffer): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(frame.toString("utf8"));
  } catch {
    throw productError("ERR_FRAME_INVALID", "a frame does not hold JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw productError("ERR_FRAME_INVALID", "a frame does not hold a JSON object");
  return value as Readonly<Record<string, unknown>>;
}
