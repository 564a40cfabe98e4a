import { ConnectionError, H2_ERROR } from "./protocol.ts";

/** A block may take as many frames, and be as long (CVE-2024-27316 and its kin). */
const MAX_FRAMES = 16;
const MAX_BYTES = 64 * 1024;

/** A header block that comes in a HEADERS frame and any number of CONTINUATION frames (RFC 9113 §6.10). */
export class HeaderBlock {
  readonly streamId: number;
  readonly endsStream: boolean;
  readonly #fragments: Buffer[] = [];
  #bytes = 0;

  constructor(streamId: number, endsStream: boolean) {
    this.streamId = streamId;
    this.endsStream = endsStream;
  }

  /** @throws ConnectionError ENHANCE_YOUR_CALM */
  add(fragment: Buffer): void {
    this.#fragments.push(fragment);
    this.#bytes += fragment.length;
    if (this.#fragments.length > MAX_FRAMES || this.#bytes > MAX_BYTES)
      throw new ConnectionError(H2_ERROR.enhanceYourCalm, "header block is too large");
  }

  get bytes(): Buffer {
    const [only] = this.#fragments;
    return only && this.#fragments.length === 1 ? only : Buffer.concat(this.#fragments);
  }
}
