import { ConnectionError, H2_ERROR, StreamError } from "./protocol.ts";
import type { ServerStream } from "./server-stream.ts";

/** Closed streams of which late frames are told from frames of streams that never were. */
const MAX_REMEMBERED = 128;

/** The streams of one connection: those that are open, and what is known of the others (RFC 9113 §5.1). */
export class StreamTable {
  readonly #open = new Map<number, ServerStream>();
  /** The latest that are closed; true for those that we have reset, whose late frames are nothing. */
  readonly #closed = new Map<number, boolean>();
  #lastId = 0;

  /** Highest number that the client has used. */
  get lastId(): number {
    return this.#lastId;
  }

  get size(): number {
    return this.#open.size;
  }

  get(streamId: number): ServerStream | undefined {
    return this.#open.get(streamId);
  }

  all(): readonly ServerStream[] {
    return [...this.#open.values()];
  }

  /** Takes a number for a new stream, whatever becomes of it. @throws ConnectionError PROTOCOL_ERROR, STREAM_CLOSED */
  use(streamId: number): void {
    if (streamId % 2 === 0) throw new ConnectionError(H2_ERROR.protocolError, "clients open odd streams");
    if (streamId > this.#lastId) this.#lastId = streamId;
    else if (this.#closed.has(streamId)) throw new ConnectionError(H2_ERROR.streamClosed, "HEADERS on a closed stream");
    else throw new ConnectionError(H2_ERROR.protocolError, "a new stream has a lower number");
  }

  add(stream: ServerStream): void {
    this.#open.set(stream.id, stream);
  }

  close(streamId: number, isResetByUs: boolean): void {
    this.#open.delete(streamId);
    this.#closed.set(streamId, isResetByUs);
    const [oldest] = this.#closed.keys();
    if (oldest !== undefined && this.#closed.size > MAX_REMEMBERED) this.#closed.delete(oldest);
  }

  /** True for a stream that we have reset: its frames are late, and mean nothing. Who resets one itself sends nothing after it. */
  wasReset(streamId: number): boolean {
    return this.#closed.get(streamId) === true;
  }

  /**
   * Looks at a frame of a stream that is not open.
   * @param isHarmless the frame may be late on every closed stream: WINDOW_UPDATE, RST_STREAM
   * @throws ConnectionError for a stream that never was, StreamError STREAM_CLOSED
   */
  checkLate(streamId: number, what: string, isHarmless: boolean): void {
    if (streamId > this.#lastId || streamId % 2 === 0)
      throw new ConnectionError(H2_ERROR.protocolError, `${what} on an idle stream`);
    if (!isHarmless && !this.wasReset(streamId))
      throw new StreamError(H2_ERROR.streamClosed, `${what} on a closed stream`);
  }
}
