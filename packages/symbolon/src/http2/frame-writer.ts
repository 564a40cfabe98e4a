import { FLAG, FRAME, FRAME_HEADER_BYTES, type H2ErrorCode } from "./protocol.ts";

/** A frame's first nine octets (RFC 9113 §4.1). */
export function frameHeader(length: number, type: number, flags: number, streamId: number): Buffer {
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  header.writeUIntBE(length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return header;
}

export function settingsFrame(settings: readonly (readonly [setting: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * settings.length);
  for (const [at, [setting, value]] of settings.entries()) {
    payload.writeUInt16BE(setting, 6 * at);
    payload.writeUInt32BE(value, 6 * at + 2);
  }
  return Buffer.concat([frameHeader(payload.length, FRAME.settings, 0, 0), payload]);
}

export const SETTINGS_ACK = frameHeader(0, FRAME.settings, FLAG.ack, 0);

/** @param data eight octets, of a request or its answer */
export function pingFrame(data: Buffer, isAnswer: boolean): Buffer {
  return Buffer.concat([frameHeader(data.length, FRAME.ping, isAnswer ? FLAG.ack : 0, 0), data]);
}

export function goawayFrame(lastStreamId: number, code: H2ErrorCode, reason: string): Buffer {
  const debug = Buffer.from(reason);
  const payload = Buffer.alloc(8 + debug.length);
  payload.writeUInt32BE(lastStreamId, 0);
  payload.writeUInt32BE(code, 4);
  debug.copy(payload, 8);
  return Buffer.concat([frameHeader(payload.length, FRAME.goaway, 0, 0), payload]);
}

export function rstStreamFrame(streamId: number, code: H2ErrorCode): Buffer {
  return numberFrame(FRAME.rstStream, streamId, code);
}

export function windowUpdateFrame(streamId: number, increment: number): Buffer {
  return numberFrame(FRAME.windowUpdate, streamId, increment);
}

function numberFrame(type: number, streamId: number, value: number): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + 4);
  frame.writeUIntBE(4, 0, 3);
  frame[3] = type;
  frame[4] = 0;
  frame.writeUInt32BE(streamId, 5);
  frame.writeUInt32BE(value, FRAME_HEADER_BYTES);
  return frame;
}
