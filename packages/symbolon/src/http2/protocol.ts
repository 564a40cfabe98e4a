/** Frame types of RFC 9113 §6. */
export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags of RFC 9113 §6; `ack` and `endStream` share a bit. */
export const FLAG = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** Settings of RFC 9113 §6.5.2. */
export const SETTING = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** Error codes of RFC 9113 §7. */
export const H2_ERROR = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
} as const;

export type H2ErrorCode = (typeof H2_ERROR)[keyof typeof H2_ERROR];

export const FRAME_HEADER_BYTES = 9;
/** What either side may send until the other has said more (RFC 9113 §6.5.2); we never ask for more. */
export const MAX_FRAME_BYTES = 16_384;
export const DEFAULT_WINDOW_BYTES = 65_535;
export const MAX_WINDOW_BYTES = 2 ** 31 - 1;
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** Of the whole connection: it ends with GOAWAY and this code (RFC 9113 §5.4.1). */
export class ConnectionError extends Error {
  readonly code: H2ErrorCode;

  constructor(code: H2ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Of one stream: it ends with RST_STREAM and this code (RFC 9113 §5.4.2). */
export class StreamError extends Error {
  readonly code: H2ErrorCode;

  constructor(code: H2ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
