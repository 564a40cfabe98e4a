import { errorText, type Log } from "@symbolon/spiffe/core";
import { type Deadlines, encodeHeaders, type ServerStream, type StreamConsumer } from "../../http2/index.ts";
import { frameMessage, GrpcMessageReader, type HeldBytes } from "./grpc-message-reader.ts";
import { GRPC_CODE, type GrpcStatus, GrpcStatusError } from "./grpc-status.ts";

/** One call, as every kind of method sees it. */
export interface Call<Peer> {
  /** Who is at the other end of the connection, as the listener found out. */
  readonly peer: Peer;
  /** Every value under a name in lower case, in the order of their arrival. */
  metadata(name: string): readonly string[];
  /** Of names and values together. */
  readonly metadataBytes: number;
  /** Ended by us, or by a caller that went away, or whose deadline has passed. */
  readonly isOver: boolean;
  /** Calls back once when it is over; at once if it is already. */
  onOver(listener: () => void): void;
  /** Tells the server's owner of a request that no client sends. @param reason one of few sentences, without the caller's words */
  refused(reason: string): void;
}

/** What a method does with what arrives. */
export interface MessageConsumer {
  onMessage(message: Buffer): void;
  onEnd(): void;
}

export interface GrpcCallOptions<Peer> {
  readonly maxMessageBytes: number;
  readonly held: HeldBytes;
  /** Of all calls of one connection; whoever has made it calls `late` on those that are due. */
  readonly deadlines: Deadlines<GrpcCall<Peer>>;
  readonly refused: (reason: string) => void;
  readonly log: Log;
}

const CONTENT_TYPE = ["content-type", "application/grpc+proto"] as const;
const RESPONSE_HEADERS = encodeHeaders([[":status", "200"], CONTENT_TYPE, ["grpc-accept-encoding", "identity"]]);
const OK_TRAILERS = encodeHeaders([["grpc-status", "0"]]);
/** Beyond it no timer is set: nobody waits for a week. */
const MAX_TIMEOUT_MS = 7 * 24 * 3600 * 1000;
const TIMEOUT_UNITS_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** gRPC's part of a stream: messages, their headers, the status at the end (gRPC over HTTP/2). */
export class GrpcCall<Peer> implements Call<Peer>, StreamConsumer {
  readonly peer: Peer;
  readonly #stream: ServerStream;
  readonly #options: GrpcCallOptions<Peer>;
  readonly #reader: GrpcMessageReader;
  #consumer: MessageConsumer | undefined;
  #listeners: (() => void)[] = [];
  #hasDeadline = false;
  #hasHeaders = false;
  #isOver = false;

  constructor(stream: ServerStream, peer: Peer, options: GrpcCallOptions<Peer>) {
    this.peer = peer;
    this.#stream = stream;
    this.#options = options;
    this.#reader = new GrpcMessageReader(options.maxMessageBytes, options.held);
    stream.consumer = this;
  }

  /** @param open makes the consumer, which may throw GrpcStatusError to end the call */
  start(open: () => MessageConsumer): void {
    const [encoding = "identity"] = this.metadata("grpc-encoding");
    this.#guarded(() => {
      if (encoding !== "identity")
        throw new GrpcStatusError({ code: GRPC_CODE.unimplemented, details: "compressed messages are not accepted" });
      this.#consumer = open();
    });
    const timeoutMs = timeoutOf(this.metadata("grpc-timeout"));
    if (this.#isOver || timeoutMs === undefined || timeoutMs > MAX_TIMEOUT_MS) return;
    this.#hasDeadline = true;
    this.#options.deadlines.set(this, timeoutMs);
  }

  /** The caller's deadline has passed. */
  late(): void {
    this.end({ code: GRPC_CODE.deadlineExceeded, details: "the caller's deadline has passed" });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  metadata(name: string): readonly string[] {
    return this.#stream.head.headers.filter(([own]) => own === name).map(([, value]) => value);
  }

  get metadataBytes(): number {
    return this.#stream.head.headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  }

  onOver(listener: () => void): void {
    if (this.#isOver) listener();
    else this.#listeners.push(listener);
  }

  refused(reason: string): void {
    this.#options.refused(reason);
  }

  /** @param onTaken called when all of the message has left for the caller */
  write(message: Uint8Array, onTaken?: () => void): void {
    if (this.#isOver) return;
    if (!this.#hasHeaders) this.#stream.sendHeaders(RESPONSE_HEADERS);
    this.#hasHeaders = true;
    this.#stream.sendData(frameMessage(message), onTaken);
  }

  /** Ends the call well, or with a status. */
  end(status?: GrpcStatus): void {
    if (this.#isOver) return;
    if (!status && !this.#hasHeaders) this.#stream.sendHeaders(RESPONSE_HEADERS);
    this.#stream.end(status ? this.#statusBlock(status) : OK_TRAILERS);
    this.#over();
  }

  onData(data: Buffer): void {
    if (this.#isOver) return;
    this.#guarded(() =>
      this.#reader.push(data, (message) => {
        if (!this.#isOver) this.#consumer?.onMessage(message);
      }),
    );
    // A message may have ended the call, with the part of another one behind it.
    if (this.#isOver) this.#reader.release();
  }

  onEnd(): void {
    if (this.#isOver) return;
    this.#guarded(() => {
      if (!this.#reader.isEmpty)
        throw new GrpcStatusError({ code: GRPC_CODE.internal, details: "the last message is cut short" });
      this.#consumer?.onEnd();
    });
  }

  onAbort(): void {
    this.#over();
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof GrpcStatusError) {
        this.refused("a message that the method does not take");
        return this.end(error.status);
      }
      this.#options.log.error("call failed", { path: this.#stream.head.path, error: errorText(error) });
      this.end({ code: GRPC_CODE.internal, details: "internal error" });
    }
  }

  #statusBlock({ code, details, metadata = [] }: GrpcStatus): Buffer {
    const start = this.#hasHeaders ? [] : [[":status", "200"] as const, CONTENT_TYPE];
    const message = details === "" ? [] : [["grpc-message", percentEncoded(details)] as const];
    return encodeHeaders([...start, ["grpc-status", String(code)], ...message, ...metadata]);
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#hasDeadline) this.#options.deadlines.clear(this);
    this.#reader.release();
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }
}

/** Ends a stream that is no gRPC call, as a web server would. */
export function refuseStream(stream: ServerStream, httpStatus: number): void {
  stream.end(encodeHeaders([[":status", String(httpStatus)]]));
}

/** @returns milliseconds; undefined when there is none that can be read */
function timeoutOf([text = ""]: readonly string[]): number | undefined {
  const unitMs = TIMEOUT_UNITS_MS[text.charAt(text.length - 1)];
  const digits = text.slice(0, -1);
  return unitMs !== undefined && /^[0-9]{1,8}$/.test(digits) ? Number(digits) * unitMs : undefined;
}

/** gRPC over HTTP/2, "Status-Message": UTF-8, percent-encoded. */
function percentEncoded(text: string): string {
  return text.replace(/[^\x20-\x24\x26-\x7e]+/g, (run) =>
    [...Buffer.from(run)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  );
}
