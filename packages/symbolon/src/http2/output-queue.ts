/** Where the bytes of a connection go: a socket, seen from here. */
export interface Transport {
  /** @returns false when no more should be written until `drained` is called on the connection */
  write(bytes: Buffer): boolean;
  /** Sends what was written, then closes. */
  end(): void;
  destroy(): void;
}

/** Beyond it data waits; frames that are no data do not. */
const MAX_QUEUED_BYTES = 64 * 1024;
/** So much in answers to its pings and the like only a peer has that does not read. */
const MAX_BLOCKED_BYTES = 1024 * 1024;

/** Gathers the frames of one turn into one write, and stops the flow of data while the transport is full. */
export class OutputQueue {
  readonly #transport: Transport;
  readonly #onWrite: () => readonly Buffer[];
  readonly #onFlushed: () => void;
  readonly #onBlocked: () => void;
  #frames: Buffer[] = [];
  #bytes = 0;
  #isScheduled = false;
  #isBlocked = false;
  #taken: (() => void)[] = [];
  #isStopped = false;

  /**
   * @param onWrite called before each write: frames that go with it
   * @param onFlushed called after each write that the transport took whole
   * @param onBlocked called after one that it did not
   */
  constructor(transport: Transport, onWrite: () => readonly Buffer[], onFlushed: () => void, onBlocked: () => void) {
    this.#transport = transport;
    this.#onWrite = onWrite;
    this.#onFlushed = onFlushed;
    this.#onBlocked = onBlocked;
  }

  /** How much data may be added. */
  get room(): number {
    return this.#isBlocked ? 0 : Math.max(0, MAX_QUEUED_BYTES - this.#bytes);
  }

  /** @returns false when too much waits for a peer that does not read */
  add(frames: readonly Buffer[]): boolean {
    this.#push(frames);
    if (this.#isBlocked) return this.#bytes <= MAX_BLOCKED_BYTES;
    this.#schedule();
    return true;
  }

  /** Asks for a write, for which `onWrite` has something. */
  wake(): void {
    if (!this.#isBlocked) this.#schedule();
  }

  /** Calls back once the transport has taken everything that is queued now. */
  whenTaken(callback: () => void): void {
    this.#taken.push(callback);
    this.wake();
  }

  /** Writes now what is queued, blocked or not: it is the last. */
  flushLast(): void {
    if (this.#bytes > 0) this.#transport.write(this.#takeAll());
    this.stop();
  }

  /** Nothing is written, and nobody called back, any more. */
  stop(): void {
    this.#isStopped = true;
    this.#taken = [];
    this.#frames = [];
    this.#bytes = 0;
  }

  drained(): void {
    if (!this.#isBlocked || this.#isStopped) return;
    this.#isBlocked = false;
    this.#flush();
  }

  #push(frames: readonly Buffer[]): void {
    for (const frame of frames) {
      this.#frames.push(frame);
      this.#bytes += frame.length;
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // After the answers of this turn, which are microtasks themselves.
    setImmediate(() => {
      this.#isScheduled = false;
      if (!this.#isBlocked && !this.#isStopped) this.#flush();
    });
  }

  #flush(): void {
    this.#push(this.#onWrite());
    if (this.#bytes === 0 || this.#transport.write(this.#takeAll())) return this.#done();
    this.#isBlocked = true;
    this.#onBlocked();
  }

  #done(): void {
    const callbacks = this.#taken;
    this.#taken = [];
    // Who waits comes before who goes on writing.
    if (!this.#isStopped) this.#onFlushed();
    for (const callback of callbacks) if (!this.#isStopped) callback();
  }

  #takeAll(): Buffer {
    const bytes =
      this.#frames.length === 1 && this.#frames[0] ? this.#frames[0] : Buffer.concat(this.#frames, this.#bytes);
    this.#frames = [];
    this.#bytes = 0;
    return bytes;
  }
}
