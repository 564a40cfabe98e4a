import type { RequestRecord, ResponseFlag } from "../telemetry/index.ts";
import { reasonOfPeer } from "./denial-reason.ts";
import type { HttpPorts, HttpRoute, HttpService, LocalReply } from "./http-service.ts";
import {
  HeadWriter,
  type RequestEdits,
  type RequestHead,
  type ResponseFraming,
  writeRequestHead,
  writeResponseHead,
} from "./http1/index.ts";
import { writeLastChunk } from "./last-chunk.ts";
import type { Leg } from "./leg.ts";
import { pause, send, unpause } from "./pump.ts";
import type { PeerTarget } from "./route-destination.ts";
import { targetNames } from "./target-names.ts";
import type { UpstreamConnection, UpstreamUser } from "./upstream-connection.ts";
import type { AcquireCallbacks, AcquireFailure } from "./upstream-pool.ts";

/** The connection that a request came over. */
export interface ExchangeHost {
  readonly leg: Leg;
  /** Since the start of the request. */
  elapsedMs(): number;
  /** The connection has to end after this request, for reasons of its own. */
  readonly mustClose: boolean;
  /** The exchange can take more of the request. */
  readMore(): void;
  /** The answer has been written to its end. */
  done(exchange: HttpExchange, close: boolean): void;
  /** The answer cannot be completed: the client has to see that something is missing. */
  cut(exchange: HttpExchange): void;
  /** Nothing has been answered yet: `reply` is the answer. */
  reply(exchange: HttpExchange, reply: LocalReply): void;
  /** The answer to an Upgrade has been written; what both sides send from now on is no HTTP. */
  tunnel(exchange: HttpExchange, upstream: UpstreamConnection): void;
}

/** Bytes that are gathered before they are written; above it content is written from where it is. */
const GATHERED_BYTES = 16 * 1024;

// Written to a socket before any other connection has its turn, so one of each serves all.
const requestOut = new HeadWriter();
const responseOut = new HeadWriter();

/** One request and its answer. Content is passed on as it comes; nothing is collected (SR-50: 0 bytes of body buffering). */
export class HttpExchange implements UpstreamUser, AcquireCallbacks {
  readonly record: RequestRecord;
  readonly #host: ExchangeHost;
  readonly #ports: HttpPorts;
  readonly #service: HttpService;
  readonly #method: string;
  readonly #http10: boolean;
  readonly #webSocket: boolean;
  readonly #chunked: boolean;
  /** Names of fields that the request must not carry on, in its trailers neither. */
  #droppedNames: ReadonlySet<string> | undefined;
  #upstream: UpstreamConnection | undefined;
  #targets: readonly PeerTarget[] = [];
  #next = 0;
  #giveUp: (() => void) | undefined;
  #attempts = 0;
  /** The last attempt to get a connection is over. */
  #settled = false;
  /** What has been written of the request while there was no connection for it. */
  #waiting: Buffer | undefined;
  #sentAny = false;
  requestComplete = false;
  responseStarted = false;
  #responseFraming: ResponseFraming = "none";
  #interim = 0;
  #inInterim = false;
  #close = false;
  #stalled = false;
  #upstreamGone = false;
  #over = false;
  /** When something last went on. */
  progressMs: number;

  constructor(
    host: ExchangeHost,
    service: HttpService,
    ports: HttpPorts,
    begun: { readonly head: RequestHead; readonly record: RequestRecord },
  ) {
    const { head } = begun;
    this.#host = host;
    this.#ports = ports;
    this.#service = service;
    this.record = begun.record;
    this.#method = head.method;
    this.#http10 = head.http10;
    this.#webSocket = head.webSocket;
    this.#chunked = head.framing === "chunked";
    this.progressMs = ports.sweeper.nowMs;
  }

  get method(): string {
    return this.#method;
  }

  /** Where the request goes is known; its content can be passed on. */
  get wantsRequest(): boolean {
    return !this.requestComplete && this.#upstream !== undefined && this.#upstream.leg.queue.length === 0;
  }

  get isConnecting(): boolean {
    return this.#upstream === undefined;
  }

  get isOver(): boolean {
    return this.#over;
  }

  start(head: RequestHead, route: HttpRoute, edits: RequestEdits): void {
    if (route.service !== undefined) this.record.service = route.service;
    if (route.kind === "reply") return this.#fail(route.reply);
    this.#droppedNames = edits.droppedNames;
    requestOut.clear();
    writeRequestHead(requestOut, head, edits);
    this.#targets = route.targets;
    this.#connect();
  }

  /** Content of the request. */
  requestBody(bytes: Buffer, start: number, end: number): void {
    this.progressMs = this.#ports.sweeper.nowMs;
    this.record.requestBytes += end - start;
    if (this.#chunked) requestOut.chunkHeader(end - start);
    if (end - start > GATHERED_BYTES) {
      this.flushRequest();
      if (!this.#upstream || this.#over) return;
      if (!send(this.#upstream.leg, bytes, start, end)) return this.#upstream.leg.terminate();
    } else requestOut.bytes(bytes, start, end);
    if (this.#chunked) requestOut.text("\r\n");
    if (requestOut.length > GATHERED_BYTES) this.flushRequest();
  }

  requestEnd(trailers: readonly (readonly [string, string])[]): void {
    this.progressMs = this.#ports.sweeper.nowMs;
    if (this.#chunked) writeLastChunk(requestOut, trailers, this.#droppedNames);
    this.requestComplete = true;
    this.flushRequest();
  }

  /** Writes what has been gathered; called before the turn ends. */
  flushRequest(): void {
    if (requestOut.length === 0 || this.#over) return requestOut.clear();
    const upstream = this.#upstream;
    if (!upstream) {
      this.#waiting = Buffer.from(requestOut.written);
      return requestOut.clear();
    }
    if (send(upstream.leg, requestOut.buffer, 0, requestOut.length)) {
      this.#sentAny = true;
      return requestOut.clear();
    }
    if (this.#sentAny) {
      requestOut.clear();
      return upstream.leg.terminate();
    }
    // It closed while it was unused, and has been sent nothing: any request may be sent again (RFC 9110 §9.2.2).
    this.#upstream = undefined;
    upstream.discard();
    this.#next--;
    this.#connect();
    if (this.#upstream) this.flushRequest();
  }

  onResponseBytes(): void {
    this.progressMs = this.#ports.sweeper.nowMs;
    this.#readResponse();
  }

  onUpstreamDrained(): void {
    this.progressMs = this.#ports.sweeper.nowMs;
    if (!this.requestComplete) this.#host.readMore();
  }

  onUpstreamGone(): void {
    this.#upstreamGone = true;
    if (!this.#stalled) this.#readResponse();
  }

  onDownstreamDrained(): void {
    if (!this.#stalled) return;
    this.#stalled = false;
    this.progressMs = this.#ports.sweeper.nowMs;
    if (this.#upstream) unpause(this.#upstream.leg);
    this.#readResponse();
  }

  /** The client is gone, or breaks the protocol in the middle of the request. */
  abandon(flag: ResponseFlag, detail: string): void {
    if (this.#over) return;
    this.#end([flag], detail);
    this.#giveUp?.();
    this.#upstream?.discard();
  }

  /** Answers with `reply` if that is still possible. */
  fail(reply: LocalReply): void {
    if (!this.#over) this.#fail(reply);
  }

  #connect(): void {
    const target = this.#targets[this.#next++];
    if (!target) return this.#fail({ status: 503, flag: "UH", detail: "no endpoint" });
    this.record.upstream = targetNames(target).endpoint;
    const attempt = ++this.#attempts;
    this.#settled = false;
    const giveUp = this.#ports.pool.acquire(target, this);
    // A failure that is told at once has led to another attempt, which may still be under way.
    if (this.#settled || attempt !== this.#attempts) return;
    this.#giveUp = giveUp;
    this.#waiting = Buffer.from(requestOut.written);
    requestOut.clear();
  }

  /** Told by the pool, as `failed` is: once for each attempt. */
  acquired(upstream: UpstreamConnection): void {
    this.#settled = true;
    this.#giveUp = undefined;
    if (this.#over) return upstream.discard();
    this.#upstream = upstream;
    upstream.user = this;
    upstream.parser.requestMethod = this.#method;
    this.progressMs = this.#ports.sweeper.nowMs;
    const { peer } = upstream;
    if (peer) {
      this.record.security = "mtls";
      this.record.peerSpiffeId = peer.spiffeId.toString();
      this.record.peerSerial = peer.leaf.serialNumberHex;
      if (upstream.tlsVersion !== undefined) this.record.tlsVersion = upstream.tlsVersion;
    }
    this.#service.connected?.(upstream);
    if (this.#waiting === undefined) return;
    requestOut.clear();
    requestOut.bytes(this.#waiting);
    this.#waiting = undefined;
    if (this.requestComplete) this.flushRequest();
    else this.#host.readMore();
  }

  failed(failure: AcquireFailure): void {
    this.#settled = true;
    this.#giveUp = undefined;
    const target = this.#targets[this.#next - 1];
    if (this.#over || !target) return;
    const { reason, detail } = failure;
    if (reason === "too_many_connections") return this.#fail({ status: 503, flag: "UO", detail });
    // Nothing has been sent: another endpoint of the Service may serve as well.
    if (failure.unreachable && this.#next < this.#targets.length) {
      requestOut.clear();
      if (this.#waiting) requestOut.bytes(this.#waiting);
      return this.#connect();
    }
    this.#service.connectFailed?.(failure, target);
    this.#fail({ status: 503, flag: "UF", detail: `${reason}: ${detail}` });
  }

  #readResponse(): void {
    const upstream = this.#upstream;
    if (!upstream) return;
    const { parser } = upstream;
    while (!this.#over) {
      if (this.responseStarted && this.#host.leg.queue.length > 0) {
        this.#flushResponse();
        parser.keepRest();
        this.#stalled = true;
        return pause(upstream.leg);
      }
      const event = parser.next();
      if (event === "head") this.#responseHead(upstream);
      else if (event === "body") this.#responseBody(parser.bytes, parser.bodyStart, parser.bodyEnd);
      else if (event === "end" || (event === "more" && this.#isFinished(upstream))) {
        if (this.#inInterim) this.#inInterim = false;
        else return this.#responseEnd(upstream);
      } else {
        this.#flushResponse();
        if (event === "more" && !this.#upstreamGone) return;
        if (parser.error?.limit) this.#ports.countLimit(parser.error.limit);
        return this.#responseBroken(parser.error?.code);
      }
    }
  }

  /** An end of the connection can be that of an answer without length; a reset never is. */
  #isFinished({ leg, parser }: UpstreamConnection): boolean {
    return this.#upstreamGone && leg.ended && parser.finish() === "end";
  }

  #responseHead(upstream: UpstreamConnection): void {
    const { head } = upstream.parser;
    if (head.status === 101) {
      if (!this.#webSocket || !head.webSocket)
        return this.#fail({ status: 502, flag: "UPE", detail: "101 to a request that did not ask for it" });
      return this.#switchProtocols(upstream);
    }
    if (head.status < 200) {
      this.#inInterim = true;
      if (++this.#interim > this.#ports.limits.interimResponses) {
        this.#ports.countLimit("interimResponses");
        return this.#fail({ status: 502, flag: "UPE", detail: "too many interim answers" });
      }
      if (!this.#http10) writeResponseHead(responseOut, head, INTERIM);
      return;
    }
    this.responseStarted = true;
    this.record.status = head.status;
    this.record.responseMs = this.#host.elapsedMs();
    // An answer before the end of the request: what is still to come is not waited for (RFC 9112 §9.6).
    this.#close = this.#host.mustClose || !this.requestComplete;
    this.#responseFraming = writeResponseHead(responseOut, head, {
      http10: this.#http10,
      close: this.#close,
      appended: this.#service.direction === "outbound" ? reasonOfPeer(head, upstream.peer !== undefined) : "",
    });
    if (this.#responseFraming === "until-close") this.#close = true;
  }

  #responseBody(bytes: Buffer, start: number, end: number): void {
    this.record.responseBytes += end - start;
    const chunked = this.#responseFraming === "chunked";
    if (chunked) responseOut.chunkHeader(end - start);
    if (end - start > GATHERED_BYTES) {
      this.#flushResponse();
      send(this.#host.leg, bytes, start, end);
    } else responseOut.bytes(bytes, start, end);
    if (chunked) responseOut.text("\r\n");
    if (responseOut.length > GATHERED_BYTES) this.#flushResponse();
  }

  #responseEnd(upstream: UpstreamConnection): void {
    const { parser } = upstream;
    if (this.#responseFraming === "chunked") writeLastChunk(responseOut, parser.trailers);
    this.#flushResponse();
    const complete = this.requestComplete && parser.isIdle && !this.#upstreamGone;
    const reusable = complete && parser.head.keepAlive && !this.#service.plainForwarder;
    this.#end([], undefined);
    if (reusable) {
      parser.keepRest();
      this.#ports.pool.release(upstream);
    } else upstream.discard();
    this.#host.done(this, this.#close);
  }

  #responseBroken(code: string | undefined): void {
    if (!this.responseStarted && (code === undefined || code === "truncated")) {
      const detail = "the upstream closed the connection before it had answered";
      return this.#fail({ status: 503, flag: "UC", detail });
    }
    const flag = code === undefined || code === "truncated" ? "UC" : "UPE";
    this.#fail({ status: 502, flag, detail: code ?? "truncated" });
  }

  #switchProtocols(upstream: UpstreamConnection): void {
    this.record.status = 101;
    writeResponseHead(responseOut, upstream.parser.head, INTERIM);
    this.#flushResponse();
    upstream.user = undefined;
    this.#end([], undefined);
    this.#host.tunnel(this, upstream);
  }

  #fail(reply: LocalReply): void {
    requestOut.clear();
    responseOut.clear();
    this.#end([reply.flag], reply.detail);
    this.#giveUp?.();
    this.#upstream?.discard();
    const forwarded = this.#service.plainForwarder === true && UPSTREAM_FAILURES.has(reply.flag);
    if (this.responseStarted || forwarded) return this.#host.cut(this);
    this.record.status = reply.status;
    this.#host.reply(this, reply);
  }

  #flushResponse(): void {
    if (responseOut.length === 0) return;
    send(this.#host.leg, responseOut.buffer, 0, responseOut.length);
    responseOut.clear();
  }

  /** From here on nothing of this exchange happens any more. */
  #end(flags: readonly ResponseFlag[], detail: string | undefined): void {
    this.#over = true;
    this.#waiting = undefined;
    this.record.flags = flags;
    if (detail !== undefined) this.record.detail = detail;
  }
}

const UPSTREAM_FAILURES: ReadonlySet<ResponseFlag> = new Set(["UH", "UF", "UC", "UPE", "UT"]);
const INTERIM = { http10: false, close: false, appended: "" };
