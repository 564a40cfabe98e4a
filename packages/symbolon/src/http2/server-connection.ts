import { type Clock, errorText, type Log } from "@symbolon/spiffe/core";
import { ConnectionWatch, type WatchLimits } from "./connection-watch.ts";
import {
  checkPriority,
  headerFragment,
  requireConnection,
  requireLength,
  requireStream,
  withoutPadding,
} from "./frame-payload.ts";
import { type Frame, FrameReader } from "./frame-reader.ts";
import { goawayFrame, pingFrame, rstStreamFrame, SETTINGS_ACK, settingsFrame } from "./frame-writer.ts";
import { HeaderBlock } from "./header-block.ts";
import { HeaderDecoder } from "./header-decoder.ts";
import { NuisanceBudget } from "./nuisance-budget.ts";
import { OutputQueue, type Transport } from "./output-queue.ts";
import { DEFAULT_PEER_SETTINGS, type PeerSettings, readSettings } from "./peer-settings.ts";
import {
  ConnectionError,
  DEFAULT_WINDOW_BYTES,
  FLAG,
  FRAME,
  H2_ERROR,
  type H2ErrorCode,
  MAX_WINDOW_BYTES,
  PREFACE,
  SETTING,
  StreamError,
} from "./protocol.ts";
import { ReceiveWindows } from "./receive-windows.ts";
import { checkTrailers, readRequestHead } from "./request-headers.ts";
import { ServerStream } from "./server-stream.ts";
import { StreamTable } from "./stream-table.ts";

export interface ServerConnectionLimits extends WatchLimits {
  readonly maxConcurrentStreams: number;
  /** Of one list of headers, as RFC 9113 §6.5.2 counts it. */
  readonly maxHeaderListBytes: number;
}

export interface ServerConnectionOptions {
  readonly transport: Transport;
  readonly limits: ServerConnectionLimits;
  readonly clock: Clock;
  readonly log: Log;
  /** A new request: sets the stream's `consumer` before it returns. */
  readonly onStream: (stream: ServerStream) => void;
  /** The peer has broken the protocol or a limit; the connection is ended. @param reason a sentence of ours, without the peer's words */
  readonly onFailed?: (reason: string) => void;
  /** The connection is over: every stream has been told. */
  readonly onOver: () => void;
}

/** The server's side of one HTTP/2 connection with prior knowledge (RFC 9113). Bytes come in by `receive`. */
export class ServerConnection {
  readonly #options: ServerConnectionOptions;
  readonly #output: OutputQueue;
  readonly #reader = new FrameReader((frame) => this.#frame(frame));
  readonly #decoder: HeaderDecoder;
  readonly #nuisance: NuisanceBudget;
  readonly #watch: ConnectionWatch;
  readonly #streams = new StreamTable();
  /** Streams that have data for the peer's next window, in the order of their turn. */
  readonly #waiting = new Set<ServerStream>();
  readonly #receiveWindows = new ReceiveWindows(() => this.#output.wake());
  #preface: Buffer | undefined = Buffer.alloc(0);
  #hasSettings = false;
  #peer: PeerSettings = DEFAULT_PEER_SETTINGS;
  #sendWindow = DEFAULT_WINDOW_BYTES;
  #block: HeaderBlock | undefined;
  #isDraining = false;
  #isOver = false;

  constructor(options: ServerConnectionOptions) {
    const { transport, limits, clock } = options;
    this.#options = options;
    this.#output = new OutputQueue(
      transport,
      () => this.#receiveWindows.updates(),
      () => this.#flushed(),
      () => this.#watch.waiting(),
    );
    this.#decoder = new HeaderDecoder(limits.maxHeaderListBytes);
    this.#nuisance = new NuisanceBudget(clock);
    const actions = {
      fail: (reason: string) => this.#fail(H2_ERROR.enhanceYourCalm, reason),
      drain: (graceMs: number) => this.drain(graceMs),
      sendPing: () => this.send(pingFrame(Buffer.alloc(8), false)),
      abandon: () => this.ended(),
      finish: () => this.#fail(H2_ERROR.noError, ""),
    };
    this.#watch = new ConnectionWatch(limits, actions, clock);
    this.send(
      settingsFrame([
        [SETTING.maxConcurrentStreams, limits.maxConcurrentStreams],
        [SETTING.maxHeaderListSize, limits.maxHeaderListBytes],
      ]),
    );
  }

  /** What has arrived. */
  receive(chunk: Buffer): void {
    if (this.#isOver) return;
    try {
      const rest = this.#preface ? this.#readPreface(this.#preface, chunk) : chunk;
      this.#watch.heard();
      if (rest.length > 0) this.#reader.push(rest);
    } catch (error) {
      if (error instanceof ConnectionError) return this.#fail(error.code, error.message);
      this.#options.log.error("connection failed", { error: errorText(error) });
      this.#fail(H2_ERROR.internalError, "internal error");
    }
  }

  /** The transport takes bytes again. */
  drained(): void {
    this.#output.drained();
  }

  /** The peer has closed its side, or the transport is gone. */
  ended(): void {
    if (this.#isOver) return;
    this.#stop();
    this.#options.transport.destroy();
  }

  /** No new streams; the connection ends with the last one of now, or after `graceMs`. */
  drain(graceMs: number): void {
    if (this.#isOver) return;
    if (!this.#isDraining) this.send(goawayFrame(this.#streams.lastId, H2_ERROR.noError, ""));
    this.#isDraining = true;
    this.#watch.draining(graceMs);
    this.#endIfDone();
  }

  // What a stream uses.

  send(...frames: readonly Buffer[]): void {
    if (this.#isOver) return;
    if (!this.#output.add(frames)) this.#fail(H2_ERROR.enhanceYourCalm, "the peer does not read");
  }

  takeWindow(wanted: number): number {
    const size = Math.min(wanted, this.#sendWindow, this.#output.room);
    this.#sendWindow -= size;
    if (size === 0) return 0;
    this.#watch.taken();
    this.#nuisance.dataSent();
    return size;
  }

  wait(stream: ServerStream): void {
    this.#waiting.delete(stream);
    this.#waiting.add(stream);
    this.#watch.waiting();
  }

  whenTaken(callback: () => void): void {
    this.#output.whenTaken(callback);
  }

  closed(stream: ServerStream, by: "both" | "client" | "server"): void {
    this.#streams.close(stream.id, by === "server");
    this.#waiting.delete(stream);
    this.#receiveWindows.closed(stream);
    if (this.#streams.size > 0 || this.#isOver) return;
    this.#watch.withoutStreams();
    this.#endIfDone();
  }

  #readPreface(before: Buffer, chunk: Buffer): Buffer {
    const bytes = before.length === 0 ? chunk : Buffer.concat([before, chunk]);
    const common = Math.min(bytes.length, PREFACE.length);
    if (bytes.compare(PREFACE, 0, common, 0, common) !== 0)
      throw new ConnectionError(H2_ERROR.protocolError, "no HTTP/2 preface");
    if (bytes.length < PREFACE.length) {
      this.#preface = bytes;
      return Buffer.alloc(0);
    }
    this.#preface = undefined;
    this.#watch.prefaceCame();
    return bytes.subarray(PREFACE.length);
  }

  #frame(frame: Frame): void {
    if (this.#isOver) return;
    this.#checkOrder(frame);
    try {
      this.#dispatch(frame);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      const stream = this.#streams.get(frame.streamId);
      if (stream) stream.reset(error.code);
      else this.#refuse(frame.streamId, error.code);
    }
  }

  /** SETTINGS first (RFC 9113 §3.4), and nothing between the parts of a header block (§6.10). */
  #checkOrder({ type, streamId }: Frame): void {
    if (!this.#hasSettings && type !== FRAME.settings)
      throw new ConnectionError(H2_ERROR.protocolError, "the first frame is no SETTINGS");
    if (this.#block && (type !== FRAME.continuation || streamId !== this.#block.streamId))
      throw new ConnectionError(H2_ERROR.protocolError, "a frame inside of a header block");
  }

  #dispatch(frame: Frame): void {
    switch (frame.type) {
      case FRAME.data:
        return this.#data(frame);
      case FRAME.headers:
        return this.#headers(frame);
      case FRAME.continuation:
        return this.#continuation(frame);
      case FRAME.settings:
        return this.#settings(frame);
      case FRAME.windowUpdate:
        return this.#windowUpdate(frame);
      case FRAME.rstStream:
        return this.#rstStream(frame);
      case FRAME.ping:
        return this.#ping(frame);
      case FRAME.priority:
        requireStream(frame);
        this.#nuisance.spendFree();
        return checkPriority(frame.streamId, frame.payload);
      case FRAME.pushPromise:
        throw new ConnectionError(H2_ERROR.protocolError, "clients do not push");
      case FRAME.goaway:
        requireConnection(frame);
        return this.#nuisance.spend();
      default:
        // Frames of unknown types are ignored (RFC 9113 §4.1), not without limit.
        return this.#nuisance.spend();
    }
  }

  #data(frame: Frame): void {
    requireStream(frame);
    const stream = this.#streams.get(frame.streamId);
    const data = withoutPadding(frame);
    const endsStream = (frame.flags & FLAG.endStream) !== 0;
    if (data.length === 0 && !endsStream) this.#nuisance.spend();
    this.#receiveWindows.takeOfConnection(frame.payload.length);
    if (!stream) return this.#streams.checkLate(frame.streamId, "DATA", false);
    this.#receiveWindows.takeOfStream(stream, frame.payload.length);
    stream.receiveData(data);
    if (endsStream) stream.receiveEnd();
    else if (stream.isOpen) this.#receiveWindows.renew(stream);
  }

  #headers(frame: Frame): void {
    requireStream(frame);
    this.#block = new HeaderBlock(frame.streamId, (frame.flags & FLAG.endStream) !== 0);
    this.#addToBlock(this.#block, headerFragment(frame), frame.flags);
  }

  #continuation({ flags, payload }: Frame): void {
    if (!this.#block) throw new ConnectionError(H2_ERROR.protocolError, "CONTINUATION without HEADERS");
    this.#addToBlock(this.#block, payload, flags);
  }

  #addToBlock(block: HeaderBlock, fragment: Buffer, flags: number): void {
    block.add(fragment);
    if (flags & FLAG.endHeaders) this.#endBlock(block);
  }

  #endBlock({ streamId, endsStream, bytes }: HeaderBlock): void {
    this.#block = undefined;
    // Decoded whatever becomes of the stream: later blocks build on it.
    const { headers, isTooLarge } = this.#decoder.decode(bytes);
    const stream = this.#streams.get(streamId);
    if (stream) {
      checkTrailers(headers);
      if (!endsStream) throw new StreamError(H2_ERROR.protocolError, "trailers do not end their stream");
      return stream.receiveEnd();
    }
    if (this.#streams.wasReset(streamId)) return;
    this.#streams.use(streamId);
    if (this.#isDraining || this.#streams.size >= this.#options.limits.maxConcurrentStreams)
      return this.#refuse(streamId, H2_ERROR.refusedStream);
    if (isTooLarge) return this.#refuse(streamId, H2_ERROR.enhanceYourCalm);
    const request = { id: streamId, head: readRequestHead(headers), endsWithHead: endsStream };
    const opened = new ServerStream(this, request, this.#peer.initialWindowSize);
    this.#streams.add(opened);
    this.#nuisance.requestCame();
    this.#watch.withStreams();
    this.#options.onStream(opened);
    if (endsStream) opened.tellEnd();
  }

  /** A stream that is not opened: each one that a peer has refused counts as a nuisance. */
  #refuse(streamId: number, code: H2ErrorCode): void {
    this.#nuisance.spend();
    this.#streams.close(streamId, true);
    this.send(rstStreamFrame(streamId, code));
  }

  #settings(frame: Frame): void {
    requireConnection(frame);
    if (frame.flags & FLAG.ack) return requireLength(frame.payload, 0, "acknowledgement of SETTINGS");
    if (this.#hasSettings) this.#nuisance.spend();
    this.#hasSettings = true;
    const before = this.#peer.initialWindowSize;
    this.#peer = readSettings(frame.payload, this.#peer);
    this.send(SETTINGS_ACK);
    const change = this.#peer.initialWindowSize - before;
    if (change === 0) return;
    for (const stream of this.#streams.all()) asConnectionError(() => stream.changeSendWindow(change));
  }

  #windowUpdate({ streamId, payload }: Frame): void {
    requireLength(payload, 4, "WINDOW_UPDATE");
    this.#nuisance.spendFree();
    const increment = payload.readUInt32BE(0) & 0x7fff_ffff;
    if (streamId !== 0) {
      const stream = this.#streams.get(streamId);
      if (!stream) return this.#streams.checkLate(streamId, "WINDOW_UPDATE", true);
      if (increment === 0) throw new StreamError(H2_ERROR.protocolError, "WINDOW_UPDATE of 0");
      return stream.changeSendWindow(increment);
    }
    if (increment === 0) throw new ConnectionError(H2_ERROR.protocolError, "WINDOW_UPDATE of 0");
    this.#sendWindow += increment;
    if (this.#sendWindow > MAX_WINDOW_BYTES)
      throw new ConnectionError(H2_ERROR.flowControlError, "window is over 2^31-1");
    this.#pumpWaiting();
  }

  #rstStream(frame: Frame): void {
    requireStream(frame);
    requireLength(frame.payload, 4, "RST_STREAM");
    const stream = this.#streams.get(frame.streamId);
    if (!stream) return this.#streams.checkLate(frame.streamId, "RST_STREAM", true);
    this.#nuisance.spend();
    stream.abort();
  }

  #ping(frame: Frame): void {
    requireConnection(frame);
    requireLength(frame.payload, 8, "PING");
    if (frame.flags & FLAG.ack) return;
    this.#nuisance.spendFree();
    this.send(pingFrame(frame.payload, true));
  }

  #flushed(): void {
    // Answers to pings are no progress of what waits for a window.
    if (this.#waiting.size === 0) this.#watch.taken();
    this.#pumpWaiting();
  }

  /** One turn: who has had it waits behind those that have not, and those come first in the next. */
  #pumpWaiting(): void {
    for (const stream of [...this.#waiting]) {
      if (this.#sendWindow <= 0 || this.#output.room === 0) break;
      this.#waiting.delete(stream);
      stream.pump();
    }
    if (this.#waiting.size > 0) this.#watch.waiting();
  }

  #endIfDone(): void {
    if (!this.#isDraining || this.#streams.size > 0 || this.#isOver) return;
    this.#output.flushLast();
    this.#stop();
    this.#options.transport.end();
  }

  /** RFC 9113 §5.4.1. */
  #fail(code: H2ErrorCode, reason: string): void {
    if (this.#isOver) return;
    this.#options.log.debug("connection ended", { code, reason });
    if (code !== H2_ERROR.noError) this.#options.onFailed?.(reason);
    this.#output.add([goawayFrame(this.#streams.lastId, code, reason)]);
    this.#output.flushLast();
    this.#stop();
    this.#options.transport.end();
  }

  #stop(): void {
    this.#isOver = true;
    this.#watch.stop();
    this.#output.stop();
    for (const stream of this.#streams.all()) stream.abort();
    this.#options.onOver();
    this.#waiting.clear();
  }
}

function asConnectionError(work: () => void): void {
  try {
    work();
  } catch (error) {
    throw error instanceof StreamError ? new ConnectionError(error.code, error.message) : error;
  }
}
