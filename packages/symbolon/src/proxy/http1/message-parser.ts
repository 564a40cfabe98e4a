import { CR, LF } from "./characters.ts";
import { ChunkReader } from "./chunk-reader.ts";
import { FAILED, INCOMPLETE, SECTION_END } from "./field-lines.ts";
import { HTTP1_LIMITS, type Http1Limits } from "./limits.ts";
import { LIMIT_ERRORS, MESSAGE_ERRORS, type MessageError, type MessageErrorCode } from "./message-error.ts";
import type { MessageHead } from "./message-head.ts";
import { LONGEST_METHOD } from "./methods.ts";
import type { LineResult } from "./start-line.ts";

/**
 * What comes next: `head` is complete; `body` has bytes in `bodyStart`..`bodyEnd` of `bytes`; `end` of the message, with
 * its trailers; `tunnel`: all further bytes are no HTTP; `more` bytes are needed; `error`: the connection is of no more use.
 */
export type ParserEvent = "head" | "body" | "end" | "tunnel" | "more" | "error";

type State = "idle" | "start-line" | "fields" | "body" | "chunks" | "ended" | "tunnel" | "failed";

const EMPTY = Buffer.alloc(0);
const MIN_CARRY_BYTES = 1024;

/**
 * Reads messages one after another out of a stream of bytes. The caller pulls: `push` what has come, then `next` until
 * it says `more`. Nothing is copied but a part of a line that waits for its rest. A whole head is read over one buffer,
 * so that pushing the same bytes in other pieces gives the same events.
 */
export abstract class MessageParser<Head extends MessageHead> {
  abstract readonly head: Head;
  readonly #limits: Http1Limits;
  readonly #chunks: ChunkReader;
  #state: State = "idle";
  #failure: MessageError | undefined;
  /** Where unread bytes are: the caller's chunk, or `#carry`. */
  bytes: Buffer = EMPTY;
  #at = 0;
  #end = 0;
  #carry: Buffer = EMPTY;
  #messageStart = 0;
  /** An incomplete line has no LF before this place. */
  #searchedTo = 0;
  #fieldsStart = 0;
  #emptyLines = 0;
  #remaining = 0;
  bodyStart = 0;
  bodyEnd = 0;

  constructor(limits: Http1Limits = HTTP1_LIMITS) {
    this.#limits = limits;
    this.#chunks = new ChunkReader(limits);
  }

  protected get limits(): Http1Limits {
    return this.#limits;
  }

  protected abstract readStartLine(start: number, stop: number): LineResult;
  protected abstract completeHead(): MessageError | undefined;
  protected abstract startHead(): void;
  /** The other side has agreed to leave HTTP with this head. */
  protected abstract get becomesTunnel(): boolean;

  get error(): MessageError | undefined {
    return this.#failure;
  }

  /** Trailers of the message that has just ended. */
  get trailers(): ChunkReader["trailers"] {
    return this.#chunks.trailers;
  }

  /** No byte of a further message has been read. */
  get isIdle(): boolean {
    return (this.#state === "idle" || this.#state === "ended") && this.#at === this.#end;
  }

  get unreadBytes(): number {
    return this.#end - this.#at;
  }

  /** @param chunk is read in place until `next` says `more` or `keepRest` is called; then it is the caller's again */
  push(chunk: Buffer): void {
    if (this.#keptFrom === this.#end) {
      this.bytes = chunk;
      this.#at = 0;
      this.#end = chunk.length;
      this.#messageStart = 0;
      this.#searchedTo = 0;
      return;
    }
    this.#reserve(chunk.length);
    chunk.copy(this.bytes, this.#end);
    this.#end += chunk.length;
  }

  /** Copies what has not been read, because the chunk that it is in goes back to its owner. A head that has ended is gone. */
  keepRest(): void {
    this.#compact();
  }

  /** Takes the rest, after `tunnel` or when this connection stops being HTTP. */
  takeRest(): Buffer {
    const rest = Buffer.from(this.bytes.subarray(this.#at, this.#end));
    this.#at = this.#end;
    return rest;
  }

  next(): ParserEvent {
    switch (this.#state) {
      case "ended":
        this.#state = "idle";
        this.#emptyLines = 0;
        return this.#readHead();
      case "idle":
      case "start-line":
      case "fields":
        return this.#readHead();
      case "body":
        return this.#readBody();
      case "chunks":
        return this.#readChunks();
      case "tunnel":
        return "tunnel";
      case "failed":
        return "error";
    }
  }

  /** The stream has ended: `end` of content that lasts until then, `more` between messages, else an error. */
  finish(): ParserEvent {
    this.#searchedTo = 0;
    const event = this.next();
    if (event !== "more") return event;
    if (this.#state === "idle") return "more";
    if (this.#state === "body" && this.head.framing === "until-close") {
      this.#state = "ended";
      return "end";
    }
    return this.fail("truncated");
  }

  protected fail(code: MessageErrorCode): ParserEvent {
    return this.#refuse(MESSAGE_ERRORS[code]);
  }

  #refuse(error: MessageError): ParserEvent {
    this.#failure = error;
    this.#state = "failed";
    this.bytes = this.#carry = EMPTY;
    this.#at = this.#end = 0;
    return "error";
  }

  #readHead(): ParserEvent {
    if (this.#state === "idle") {
      const event = this.#skipEmptyLines();
      if (event) return event;
    }
    const { fields } = this.head;
    fields.bytes = this.bytes;
    fields.base = this.#messageStart;
    // A line that is known to be incomplete is read again when its LF has come, or when it is too long.
    if (this.#searchedTo > this.#at && !this.#lineCanEnd()) return this.#more();
    if (this.#state === "start-line") {
      const result = this.readStartLine(this.#at, this.#end);
      if (typeof result !== "number") return this.#refuse(result);
      if (result === INCOMPLETE) return this.#more();
      this.#at = this.#fieldsStart = result;
      this.#state = "fields";
    }
    return this.#readFields();
  }

  #readFields(): ParserEvent {
    const { fields } = this.head;
    const limit = this.#fieldsStart + this.#limits.headerBytes;
    // The empty line after the last field is not one of them.
    const stop = Math.min(this.#end, limit + 2);
    for (;;) {
      const result = fields.readLine(this.#at, stop);
      if (result >= 0) {
        if (result > limit) return this.#refuse(LIMIT_ERRORS.headerBytes);
        if (fields.count > this.#limits.headerLines) return this.#refuse(LIMIT_ERRORS.headerLines);
        this.#at = result;
        continue;
      }
      if (result === SECTION_END) {
        this.#at += 2;
        break;
      }
      if (result === FAILED) return this.#refuse(fields.error);
      return this.#end > stop ? this.#refuse(LIMIT_ERRORS.headerBytes) : this.#more();
    }
    const refusal = this.completeHead();
    if (refusal) return this.#refuse(refusal);
    this.#searchedTo = 0;
    this.#enterBody();
    return "head";
  }

  #enterBody(): void {
    const { head } = this;
    this.#chunks.start();
    if (this.becomesTunnel) this.#state = "tunnel";
    else if (head.framing === "chunked") {
      this.#state = "chunks";
    } else {
      this.#remaining =
        head.framing === "until-close" ? Number.POSITIVE_INFINITY : head.framing === "length" ? head.contentLength : 0;
      this.#state = "body";
    }
  }

  #readBody(): ParserEvent {
    if (this.#remaining === 0) {
      this.#state = "ended";
      return "end";
    }
    if (this.#at === this.#end) return this.#more();
    this.bodyStart = this.#at;
    this.bodyEnd = this.#at = Math.min(this.#end, this.#at + this.#remaining);
    this.#remaining -= this.bodyEnd - this.bodyStart;
    return "body";
  }

  #readChunks(): ParserEvent {
    const chunks = this.#chunks;
    const result = chunks.read(this.bytes, this.#at, this.#end);
    this.#at = chunks.at;
    if (result === "more") return this.#more();
    if (result === "failed") return this.#refuse(chunks.error);
    if (result === "end") {
      this.#state = "ended";
      return "end";
    }
    this.bodyStart = chunks.bodyStart;
    this.bodyEnd = chunks.bodyEnd;
    return "body";
  }

  /** At least one CRLF before a request is to be ignored (RFC 9112 §2.2). */
  #skipEmptyLines(): ParserEvent | undefined {
    while (this.#at < this.#end && (this.bytes[this.#at] === CR || this.bytes[this.#at] === LF)) {
      if (this.bytes[this.#at] === LF) return this.fail("bare_lf");
      if (this.#at + 1 === this.#end) return this.#more();
      if (this.bytes[this.#at + 1] !== LF) return this.fail("bare_cr");
      if (++this.#emptyLines > this.#limits.leadingEmptyLines) return this.#refuse(LIMIT_ERRORS.leadingEmptyLines);
      this.#at += 2;
    }
    if (this.#at === this.#end) return this.#more();
    this.startHead();
    this.#messageStart = this.#at;
    this.#searchedTo = 0;
    this.#state = "start-line";
    return undefined;
  }

  #lineCanEnd(): boolean {
    if (this.bytes.subarray(this.#searchedTo, this.#end).includes(LF)) return true;
    this.#searchedTo = this.#end;
    const { headerBytes, targetBytes } = this.#limits;
    return this.#state === "fields"
      ? this.#end - this.#fieldsStart > headerBytes + 2
      : this.#end - this.#at > LONGEST_METHOD + targetBytes;
  }

  #more(): ParserEvent {
    if (this.#inHead) this.#searchedTo = this.#end;
    this.#compact();
    return "more";
  }

  get #inHead(): boolean {
    return this.#state === "start-line" || this.#state === "fields";
  }

  /** A head is read over one buffer: all of it stays until it is complete. */
  get #keptFrom(): number {
    return this.#inHead ? this.#messageStart : this.#at;
  }

  /** Keeps what is needed in a buffer of our own, and nothing else. */
  #compact(): void {
    if (this.#keptFrom === this.#end) {
      this.bytes = this.#carry = EMPTY;
      this.#at = this.#end = this.#messageStart = this.#searchedTo = 0;
      if (this.#state === "idle" || this.#state === "ended") this.head.fields.bytes = EMPTY;
    } else if (this.bytes !== this.#carry) this.#moveToCarry(0);
  }

  /** Makes room for `extra` bytes after the unread ones, in a buffer of our own. */
  #reserve(extra: number): void {
    if (this.bytes !== this.#carry || this.#end + extra > this.#carry.length) this.#moveToCarry(extra);
  }

  #moveToCarry(extra: number): void {
    const from = this.#keptFrom;
    const length = this.#end - from;
    const target = Buffer.allocUnsafe(Math.max(MIN_CARRY_BYTES, (length + extra) * 2));
    this.bytes.copy(target, 0, from, this.#end);
    this.bytes = this.#carry = target;
    this.#at -= from;
    this.#end -= from;
    this.#searchedTo = Math.max(0, this.#searchedTo - from);
    this.#fieldsStart -= from;
    this.#messageStart = 0;
  }
}
