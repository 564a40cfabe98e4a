import { frameHeader, rstStreamFrame } from "./frame-writer.ts";
import { FLAG, FRAME, H2_ERROR, type H2ErrorCode, MAX_FRAME_BYTES, MAX_WINDOW_BYTES, StreamError } from "./protocol.ts";
import { ReceiveWindow } from "./receive-window.ts";
import type { RequestHead } from "./request-headers.ts";

/** Takes what a client sends on a stream. */
export interface StreamConsumer {
  onData(data: Buffer): void;
  /** The client has sent everything. */
  onEnd(): void;
  /** The stream is over before both sides were done: reset, or its connection has gone. Nothing may be sent any more. */
  onAbort(): void;
}

/** What a stream uses of its connection. */
export interface StreamConnection {
  /** Queues frames. */
  send(...frames: readonly Buffer[]): void;
  /** @returns how many octets of data, at most `wanted`, may be sent now; they count as sent */
  takeWindow(wanted: number): number;
  /** Asks for `pump` when more may be sent. */
  wait(stream: ServerStream): void;
  /** Calls back when everything that is queued has been taken by the transport. */
  whenTaken(callback: () => void): void;
  /** Both sides are done, or one has reset the stream. */
  closed(stream: ServerStream, by: "both" | "client" | "server"): void;
}

type Pending =
  | { readonly kind: "data"; bytes: Buffer; readonly onTaken: (() => void) | undefined }
  | { readonly kind: "trailers"; readonly block: Buffer };

/** One request and its answer (RFC 9113 §5), as the server's side of it. */
export class ServerStream {
  readonly id: number;
  readonly head: RequestHead;
  consumer: StreamConsumer | undefined;
  readonly receiveWindow = new ReceiveWindow();
  readonly #connection: StreamConnection;
  /** First in, first out. */
  readonly #pending: Pending[] = [];
  #sendWindow: number;
  #bytesLeft: number | undefined;
  #clientIsDone = false;
  #serverIsDone = false;
  #isClosed = false;

  /**
   * @param endsWithHead the client has nothing to send behind the head
   * @throws StreamError PROTOCOL_ERROR when the head says that it has
   */
  constructor(
    connection: StreamConnection,
    { id, head, endsWithHead }: { readonly id: number; readonly head: RequestHead; readonly endsWithHead: boolean },
    sendWindow: number,
  ) {
    this.id = id;
    this.head = head;
    this.#connection = connection;
    this.#sendWindow = sendWindow;
    const length = head.headers.find(([name]) => name === "content-length")?.[1];
    this.#bytesLeft = length === undefined ? undefined : Number(length);
    if (endsWithHead && this.#bytesLeft) throw wrongLength();
    // Known before the first answer: an end behind it would look like a request that was cut short.
    this.#clientIsDone = endsWithHead;
  }

  /** False: nothing that is sent would go anywhere. */
  get isOpen(): boolean {
    return !this.#isClosed && !this.#serverIsDone;
  }

  /** @param block from `encodeHeaders` */
  sendHeaders(block: Buffer): void {
    if (this.isOpen) this.#connection.send(frameHeader(block.length, FRAME.headers, FLAG.endHeaders, this.id), block);
  }

  /** @param onTaken called when all of it has left for the client, whose flow control may take its time */
  sendData(bytes: Buffer, onTaken?: () => void): void {
    if (!this.isOpen) return;
    this.#pending.push({ kind: "data", bytes, onTaken });
    this.pump();
  }

  /** After all data. A client that has not sent everything is told to stop (RFC 9113 §8.1). */
  end(trailers: Buffer): void {
    if (!this.isOpen) return;
    this.#pending.push({ kind: "trailers", block: trailers });
    this.pump();
  }

  reset(code: H2ErrorCode): void {
    if (this.#isClosed) return;
    this.#connection.send(rstStreamFrame(this.id, code));
    this.#close("server");
  }

  /** Sends what flow control lets through; called again by the connection when there is more. */
  pump(): void {
    for (let next = this.#pending[0]; next && this.isOpen; next = this.#pending[0]) {
      if (next.kind === "trailers") {
        this.#pending.length = 0;
        this.#sendEnd(next.block);
        return;
      }
      const size = Math.min(next.bytes.length, this.#sendWindow, MAX_FRAME_BYTES);
      const taken = size > 0 ? this.#connection.takeWindow(size) : 0;
      if (taken === 0 && next.bytes.length > 0) return this.#connection.wait(this);
      this.#sendWindow -= taken;
      this.#connection.send(frameHeader(taken, FRAME.data, 0, this.id), next.bytes.subarray(0, taken));
      next.bytes = next.bytes.subarray(taken);
      if (next.bytes.length > 0) continue;
      this.#pending.shift();
      if (next.onTaken) this.#connection.whenTaken(next.onTaken);
    }
  }

  #sendEnd(block: Buffer): void {
    const flags = FLAG.endHeaders | FLAG.endStream;
    this.#connection.send(frameHeader(block.length, FRAME.headers, flags, this.id), block);
    this.#serverIsDone = true;
    if (this.#clientIsDone) return this.#close("both");
    this.reset(H2_ERROR.noError);
  }

  /** The peer allows more, or less after a change of its settings. @throws StreamError FLOW_CONTROL_ERROR */
  changeSendWindow(by: number): void {
    this.#sendWindow += by;
    if (this.#sendWindow > MAX_WINDOW_BYTES) throw new StreamError(H2_ERROR.flowControlError, "window is over 2^31-1");
    if (this.#pending.length > 0) this.pump();
  }

  /** @throws StreamError STREAM_CLOSED, PROTOCOL_ERROR when the data is not as long as the header said */
  receiveData(data: Buffer): void {
    if (this.#clientIsDone) throw new StreamError(H2_ERROR.streamClosed, "data after the end");
    if (this.#bytesLeft !== undefined) this.#bytesLeft -= data.length;
    if (this.#bytesLeft !== undefined && this.#bytesLeft < 0) throw wrongLength();
    this.consumer?.onData(data);
  }

  /** @throws StreamError as `receiveData` */
  receiveEnd(): void {
    if (this.#isClosed) return;
    if (this.#clientIsDone) throw new StreamError(H2_ERROR.streamClosed, "a second end");
    if (this.#bytesLeft) throw wrongLength();
    this.#clientIsDone = true;
    this.tellEnd();
    if (this.#serverIsDone) this.#close("both");
  }

  /** To the consumer, which is there by now. */
  tellEnd(): void {
    if (!this.#isClosed) this.consumer?.onEnd();
  }

  /** Reset by the peer, refused, or its connection has gone. */
  abort(): void {
    this.#close("client");
  }

  #close(by: "both" | "client" | "server"): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#pending.length = 0;
    this.#connection.closed(this, by);
    // After trailers the answer is complete, and the reset only stops the client.
    if (!this.#serverIsDone) this.consumer?.onAbort();
  }
}

function wrongLength(): StreamError {
  return new StreamError(H2_ERROR.protocolError, "data is not as long as content-length says");
}
