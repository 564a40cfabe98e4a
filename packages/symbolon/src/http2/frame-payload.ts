import type { Frame } from "./frame-reader.ts";
import { ConnectionError, FLAG, H2_ERROR } from "./protocol.ts";

const PRIORITY_BYTES = 5;

/** What is left of a DATA or HEADERS frame without its padding (RFC 9113 §6.1). @throws ConnectionError PROTOCOL_ERROR */
export function withoutPadding({ flags, payload }: Frame): Buffer {
  if ((flags & FLAG.padded) === 0) return payload;
  const padding = payload[0];
  if (padding === undefined || padding >= payload.length)
    throw new ConnectionError(H2_ERROR.protocolError, "padding is longer than its frame");
  return payload.subarray(1, payload.length - padding);
}

/** The part of a header block in a HEADERS frame (RFC 9113 §6.2); its priority is ignored, but for one rule of §5.3.1. */
export function headerFragment(frame: Frame): Buffer {
  const rest = withoutPadding(frame);
  if ((frame.flags & FLAG.priority) === 0) return rest;
  checkPriority(frame.streamId, rest.subarray(0, PRIORITY_BYTES));
  return rest.subarray(PRIORITY_BYTES);
}

/** @throws ConnectionError FRAME_SIZE_ERROR, PROTOCOL_ERROR for a stream that depends on itself */
export function checkPriority(streamId: number, priority: Buffer): void {
  requireLength(priority, PRIORITY_BYTES, "PRIORITY");
  if ((priority.readUInt32BE(0) & 0x7fff_ffff) === streamId)
    throw new ConnectionError(H2_ERROR.protocolError, "a stream depends on itself");
}

/** @throws ConnectionError FRAME_SIZE_ERROR */
export function requireLength(payload: Buffer, length: number, name: string): void {
  if (payload.length !== length)
    throw new ConnectionError(H2_ERROR.frameSizeError, `${name} of another length than ${length} bytes`);
}

/** @throws ConnectionError PROTOCOL_ERROR */
export function requireStream({ streamId }: Frame): void {
  if (streamId === 0) throw new ConnectionError(H2_ERROR.protocolError, "a frame of a stream on stream 0");
}

/** @throws ConnectionError PROTOCOL_ERROR */
export function requireConnection({ streamId }: Frame): void {
  if (streamId !== 0) throw new ConnectionError(H2_ERROR.protocolError, "a frame of the connection on a stream");
}
