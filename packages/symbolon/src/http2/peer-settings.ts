import {
  ConnectionError,
  DEFAULT_WINDOW_BYTES,
  H2_ERROR,
  MAX_FRAME_BYTES,
  MAX_WINDOW_BYTES,
  SETTING,
} from "./protocol.ts";

/** What of a peer's settings concerns a server. Its header table is left alone: ours are sent without (see header-encoder). */
export interface PeerSettings {
  /** Octets of data that may be sent on a new stream. */
  readonly initialWindowSize: number;
}

export const DEFAULT_PEER_SETTINGS: PeerSettings = { initialWindowSize: DEFAULT_WINDOW_BYTES };

const SETTING_BYTES = 6;
const LARGEST_FRAME_SIZE = 2 ** 24 - 1;

/**
 * RFC 9113 §6.5.2; unknown settings are ignored.
 * @throws ConnectionError with the code that the standard has for the setting
 */
export function readSettings(payload: Buffer, before: PeerSettings): PeerSettings {
  if (payload.length % SETTING_BYTES !== 0)
    throw new ConnectionError(H2_ERROR.frameSizeError, "SETTINGS of a length that is no multiple of 6");
  let { initialWindowSize } = before;
  for (let at = 0; at < payload.length; at += SETTING_BYTES) {
    const value = payload.readUInt32BE(at + 2);
    switch (payload.readUInt16BE(at)) {
      case SETTING.enablePush:
        if (value > 1) throw new ConnectionError(H2_ERROR.protocolError, "SETTINGS_ENABLE_PUSH is neither 0 nor 1");
        break;
      case SETTING.initialWindowSize:
        if (value > MAX_WINDOW_BYTES)
          throw new ConnectionError(H2_ERROR.flowControlError, "SETTINGS_INITIAL_WINDOW_SIZE is over 2^31-1");
        initialWindowSize = value;
        break;
      case SETTING.maxFrameSize:
        if (value < MAX_FRAME_BYTES || value > LARGEST_FRAME_SIZE)
          throw new ConnectionError(H2_ERROR.protocolError, "SETTINGS_MAX_FRAME_SIZE is out of its range");
        break;
    }
  }
  return { initialWindowSize };
}
