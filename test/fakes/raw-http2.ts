/** HTTP/2 by the byte, for what no library sends: a client that never reads, half a frame, any `:authority`. */
import { connect } from "node:net";

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
export const FRAME = { data: 0, headers: 1, settings: 4, goAway: 7, windowUpdate: 8 } as const;
const END_STREAM = 1;
const END_HEADERS = 4;
const HEADER_BYTES = 9;

export interface Http2Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export function frame(type: number, flags: number, payload: readonly number[] | Uint8Array, stream = 1) {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, Uint8Array.from(payload)]);
}

export function windowUpdate(bytes: number, stream: number) {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(FRAME.windowUpdate, 0, payload, stream);
}

/** Preface, settings and one gRPC call with an empty message. */
export function grpcCall(path: string, options: { readonly authority?: string; readonly header?: string } = {}) {
  const { authority = "localhost", header = "true" } = options;
  const block = [
    ...field(":method", "POST"),
    ...field(":scheme", "http"),
    ...field(":path", path),
    ...field(":authority", authority),
    ...field("content-type", "application/grpc"),
    ...field("te", "trailers"),
    ...field("workload.spiffe.io", header),
  ];
  return Buffer.concat([
    PREFACE,
    frame(FRAME.settings, 0, [], 0),
    frame(FRAME.headers, END_HEADERS, block),
    frame(FRAME.data, END_STREAM, [0, 0, 0, 0, 0]),
  ]);
}

/** Literal without indexing, both parts in full and shorter than 127 bytes (RFC 7541 §6.2.2). */
function field(name: string, value: string): readonly number[] {
  return [0, name.length, ...Buffer.from(name), value.length, ...Buffer.from(value)];
}

export interface RawHttp2 {
  send(bytes: Uint8Array): void;
  /** The first frame that fits, of those that came before, too. Never answers when none comes. */
  until(fits: (frame: Http2Frame) => boolean): Promise<Http2Frame>;
  /** All frames so far. */
  readonly frames: readonly Http2Frame[];
  readonly closed: Promise<void>;
  close(): void;
}

/** Reads whatever comes, but gives the server no window beyond HTTP/2's first 65,535 bytes unless the test sends one. */
export function openRawHttp2(path: string): RawHttp2 {
  const socket = connect(path);
  const frames: Http2Frame[] = [];
  const waiting = new Set<() => void>();
  let kept: Buffer = Buffer.alloc(0);
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]);
    while (kept.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + kept.readUIntBE(0, 3);
      if (kept.length < end) break;
      const [type = 0, flags = 0] = kept.subarray(3, 5);
      frames.push({ type, flags, stream: kept.readUInt32BE(5), payload: kept.subarray(HEADER_BYTES, end) });
      kept = kept.subarray(end);
    }
    for (const look of [...waiting]) look();
  });
  return {
    frames,
    closed: new Promise((resolve) => socket.once("close", () => resolve())),
    send: (bytes) => void socket.write(bytes),
    until: (fits) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = frames.find(fits);
          if (!found) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    close: () => void socket.destroy(),
  };
}

/** The whole gRPC messages in the data of one stream. */
export function grpcMessages(frames: readonly Http2Frame[], stream = 1): readonly Buffer[] {
  const data = Buffer.concat(
    frames.filter((one) => one.type === FRAME.data && one.stream === stream).map(({ payload }) => payload),
  );
  const messages: Buffer[] = [];
  for (let at = 0; at + 5 <= data.length; ) {
    const end = at + 5 + data.readUInt32BE(at + 1);
    if (end > data.length) break;
    messages.push(data.subarray(at + 5, end));
    at = end;
  }
  return messages;
}
