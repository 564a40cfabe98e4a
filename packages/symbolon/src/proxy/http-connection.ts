import type { RequestRecord } from "../telemetry/index.ts";
import type { TrackedConnection } from "./connection-registry.ts";
import { type ExchangeHost, HttpExchange } from "./http-exchange.ts";
import type { HttpPorts, HttpService, LocalReply } from "./http-service.ts";
import { RequestParser } from "./http1/index.ts";
import type { Leg, LegOwner } from "./leg.ts";
import { localReply } from "./local-reply.ts";
import { openRequestRecord } from "./open-request-record.ts";
import { finish, link, pause, send, unpause } from "./pump.ts";
import type { UpstreamConnection } from "./upstream-connection.ts";
import { withoutQueryTokens } from "./without-query-tokens.ts";

/** `lingering`: the last answer has been written; what still comes is read and thrown away, so that it is not a reset. */
type State = "open" | "lingering" | "tunnel" | "closed";

type TimeLimit =
  | "writeIdleMs"
  | "lingerMs"
  | "requestHeadMs"
  | "keepAliveMs"
  | "drainIdleMs"
  | "requestIdleMs"
  | "responseIdleMs";

/** A connection that requests come over: one after another, each with its own way to an upstream. */
export class HttpConnection implements LegOwner, ExchangeHost {
  readonly leg: Leg;
  readonly #connection: TrackedConnection;
  readonly #service: HttpService;
  readonly #ports: HttpPorts;
  readonly #parser = new RequestParser();
  #exchange: HttpExchange | undefined;
  #startedMs = 0;
  #state: State = "open";
  /** Of the request that it became a tunnel with. */
  #tunnelRecord: RequestRecord | undefined;
  #reading = false;
  /** Since when it is in the phase that it is in. */
  #sinceMs: number;
  #waitingWrite: Uint8Array | undefined;
  #waitingSinceMs = 0;

  constructor(leg: Leg, connection: TrackedConnection, service: HttpService, ports: HttpPorts) {
    this.leg = leg;
    this.#connection = connection;
    this.#service = service;
    this.#ports = ports;
    ports.sweeper.add(this);
    this.#sinceMs = ports.sweeper.nowMs;
    connection.record.protocol = "http";
    connection.drain = () => this.#drain();
    leg.owner = this;
    const early = leg.takeEarly();
    if (early.length > 0) this.onData(leg, early);
    else this.#read();
    if (leg.ended && this.#state === "open") this.onEnded();
    if (leg.closed) this.onClosed();
  }

  get mustClose(): boolean {
    return !this.#parser.head.keepAlive || this.#isLeaving;
  }

  get #isLeaving(): boolean {
    const { peerNotAfter } = this.#service;
    if (this.#ports.draining()) return true;
    return peerNotAfter !== undefined && this.#ports.time.now().getTime() >= peerNotAfter.getTime();
  }

  onData(_leg: Leg, chunk: Buffer): void {
    if (this.#state !== "open") return;
    if (!this.#exchange && this.#parser.isIdle) this.#sinceMs = this.#ports.sweeper.nowMs;
    this.#parser.push(chunk);
    this.#read();
  }

  onDrained(): void {
    if (this.#state !== "open") return;
    this.#exchange?.onDownstreamDrained();
    this.#read();
  }

  onEnded(): void {
    if (this.#state === "lingering") return finish(this.leg);
    if (this.#state === "open") this.#read();
  }

  onClosed(): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#leave("closed");
    if (exchange && !exchange.isOver) {
      exchange.abandon("DC", "the client closed the connection");
      this.#finishRecord(exchange);
    }
    this.#connection.finish();
  }

  /** Whole microseconds. */
  elapsedMs(): number {
    return Math.round((this.#ports.time.monotonicMs() - this.#startedMs) * 1000) / 1000;
  }

  readMore(): void {
    this.#read();
  }

  done(exchange: HttpExchange, close: boolean): void {
    this.#finishRecord(exchange);
    this.#exchange = undefined;
    this.#sinceMs = this.#ports.sweeper.nowMs;
    if (close || this.mustClose) return this.#linger();
    this.#read();
  }

  reply(exchange: HttpExchange, reply: LocalReply): void {
    // Content that has not been read cannot be told from a next request by whoever is not sure where it ends.
    const close = !exchange.requestComplete && this.#parser.head.framing !== "none";
    const ends = close || this.mustClose;
    const answer = localReply(reply.status, { ...reply, method: exchange.method, close: ends });
    exchange.record.responseBytes += answer.length - (answer.indexOf("\r\n\r\n") + 4);
    send(this.leg, answer);
    this.done(exchange, ends);
  }

  cut(exchange: HttpExchange): void {
    this.#finishRecord(exchange);
    this.#exchange = undefined;
    this.#leave("closed");
    // Whatever has been written may be lost in this, and that is what has to be seen.
    this.leg.terminate();
    this.#connection.finish();
  }

  tunnel(exchange: HttpExchange, upstream: UpstreamConnection): void {
    this.#finishRecord(exchange);
    this.#exchange = undefined;
    this.#leave("tunnel");
    this.#connection.record.upgraded = true;
    this.#tunnelRecord = exchange.record;
    const { leg } = this;
    const up = upstream.leg;
    up.early = rest(upstream.parser.takeRest());
    leg.early = rest(this.#parser.takeRest());
    this.#connection.upstream = up;
    leg.owner = {
      onClosed: () => {
        if (up.closed) this.#connection.finish();
      },
    };
    up.owner = {
      onClosed: () => {
        upstream.onClosed();
        if (leg.closed) this.#connection.finish();
      },
    };
    link(leg, up);
  }

  /** Policies have changed: what they no longer allow ends here; the next request is decided by them anyway. */
  readmit(): void {
    const exchange = this.#exchange;
    const record = this.#state === "tunnel" ? this.#tunnelRecord : exchange?.record;
    const revocation = record && this.#service.readmit?.(record);
    if (!revocation) return;
    if (exchange) exchange.fail(revocation.reply);
    else this.#endTunnel(revocation.reply.detail);
    revocation.tell();
  }

  /** First both ends, then the record: it costs more than they do. */
  #endTunnel(detail: string): void {
    const { record, upstream } = this.#connection;
    // The ends of the sockets are told at once, and the last of them finishes the record.
    record.reason = "access_revoked";
    record.detail = detail;
    record.open = false;
    this.leg.terminate();
    upstream?.terminate();
    this.#connection.finish();
  }

  /** @param nowMs of the sweeper */
  sweep(nowMs: number): void {
    const exchange = this.#exchange;
    if (this.#isWriteStalled(nowMs)) {
      if (this.#isTooMuch(nowMs) || this.#passed("writeIdleMs", this.#waitingSinceMs)) this.#cutOff();
    } else if (this.#state === "lingering") {
      if (this.leg.queue.length === 0 && this.#passed("lingerMs", this.#sinceMs)) this.leg.terminate();
    } else if (!exchange) {
      if (!this.#parser.isIdle) {
        if (this.#passed("requestHeadMs", this.#sinceMs))
          this.#refuse({ status: 408, flag: "SI", detail: "the head of a request did not come to its end in time" });
      } else if (this.#passed(this.#isLeaving ? "drainIdleMs" : "keepAliveMs", this.#sinceMs)) this.#linger();
    } else if (exchange.wantsRequest) {
      if (this.#passed("requestIdleMs", exchange.progressMs))
        exchange.fail({ status: 408, flag: "SI", detail: "the content of a request did not come in time" });
    } else if (!exchange.isConnecting && this.#passed("responseIdleMs", exchange.progressMs)) {
      exchange.fail({ status: 504, flag: "UT", detail: "the upstream did not answer in time" });
    }
  }

  #passed(limit: TimeLimit, sinceMs: number): boolean {
    const { sweeper, limits, countLimit } = this.#ports;
    if (sweeper.nowMs - sinceMs < limits[limit]) return false;
    countLimit(limit);
    return true;
  }

  /** Reads as far as the exchange, the client and its ability to read answers allow. Never inside itself. */
  #read(): void {
    if (this.#reading) return;
    this.#reading = true;
    try {
      this.#readRequests();
    } finally {
      this.#reading = false;
    }
  }

  #readRequests(): void {
    const parser = this.#parser;
    while (this.#state === "open") {
      if (!this.#mayRead()) {
        this.#exchange?.flushRequest();
        // Flushing can bring what was waited for.
        if (this.#state !== "open" || this.#mayRead()) continue;
        parser.keepRest();
        if (parser.unreadBytes > 0) pause(this.leg);
        return;
      }
      const event = parser.next();
      if (event === "head") this.#startExchange();
      else if (event === "body") this.#exchange?.requestBody(parser.bytes, parser.bodyStart, parser.bodyEnd);
      else if (event === "end") this.#exchange?.requestEnd(parser.trailers);
      else if (event === "more") {
        this.#exchange?.flushRequest();
        if (this.#state !== "open") return;
        if (this.leg.ended) return this.#inputEnded();
        if (this.leg.paused) unpause(this.leg);
        return;
      } else return this.#parseFailed();
    }
  }

  #mayRead(): boolean {
    return this.#exchange ? this.#exchange.wantsRequest : this.leg.queue.length === 0;
  }

  #startExchange(): void {
    const { head } = this.#parser;
    const { underWay, limits } = this.#ports;
    const begun = { head, record: this.#openRecord() };
    const exchange = new HttpExchange(this, this.#service, this.#ports, begun);
    this.#exchange = exchange;
    if (++underWay.current > limits.concurrentRequests) {
      this.#ports.countLimit("concurrentRequests");
      // It is looked at no more.
      begun.record.path = withoutQueryTokens(begun.record.path);
      return exchange.fail({ status: 503, flag: "OM", detail: `${limits.concurrentRequests} requests are under way` });
    }
    const refusal = this.#service.admit?.(head, begun.record);
    const edits = this.#service.edits(head);
    begun.record.requestId = edits.requestId;
    if (refusal) this.#service.refused?.(begun.record);
    exchange.start(head, refusal ? { kind: "reply", reply: refusal } : this.#service.route(head), edits);
  }

  #parseFailed(): void {
    const error = this.#parser.error;
    if (error?.limit) this.#ports.countLimit(error.limit);
    const reply: LocalReply = { status: error?.status ?? 400, flag: "DPE", detail: error?.code ?? "" };
    if (this.#exchange) this.#exchange.fail(reply);
    else this.#refuse(reply);
  }

  /** An answer to what was no request. */
  #refuse({ status, flag, detail }: LocalReply): void {
    const record: RequestRecord = { ...this.#openRecord(), method: "", path: "", status, flags: [flag], detail };
    this.#record(record);
    send(this.leg, localReply(status, { method: "", close: true }));
    this.#linger();
  }

  #inputEnded(): void {
    if (this.#exchange) {
      if (this.#exchange.requestComplete) return;
      const exchange = this.#exchange;
      exchange.abandon("DC", "the client ended in the middle of a request");
      return this.cut(exchange);
    }
    this.#linger();
  }

  /** Half-closes, and listens for a while to a client that still sends. */
  #linger(): void {
    if (this.#state !== "open") return;
    this.#state = "lingering";
    this.#sinceMs = this.#ports.sweeper.nowMs;
    this.#parser.takeRest();
    finish(this.leg);
    if (this.leg.paused) unpause(this.leg);
  }

  /** A connection in use is told with its next answer; closing it between requests could meet a request on its way. */
  #drain(): void {
    if (this.#state === "open") this.sweep(this.#ports.sweeper.nowMs);
  }

  #leave(state: State): void {
    this.#state = state;
    this.#ports.sweeper.remove(this);
  }

  /** The client does not read: what waits for it is the same as at the last sweep. */
  #isWriteStalled(nowMs: number): boolean {
    const [first] = this.leg.queue;
    const stalled = first !== undefined && first === this.#waitingWrite;
    if (!stalled) this.#waitingSinceMs = nowMs;
    this.#waitingWrite = first;
    return stalled;
  }

  #cutOff(): void {
    const exchange = this.#exchange;
    if (!exchange) return this.leg.terminate();
    exchange.abandon("SI", "the client did not take its answer");
    this.cut(exchange);
  }

  #isTooMuch(nowMs: number): boolean {
    const { stalled, limits, countLimit } = this.#ports;
    stalled.add(
      this.leg.queue.reduce((total, { length }) => total + length, 0),
      nowMs,
    );
    if (stalled.total <= limits.stalledBytes) return false;
    countLimit("stalledBytes");
    return true;
  }

  #openRecord(): RequestRecord {
    const { time } = this.#ports;
    this.#startedMs = time.monotonicMs();
    return openRequestRecord(this.#parser.head, this.#connection.record, this.#service, time.now());
  }

  #finishRecord({ record }: HttpExchange): void {
    this.#ports.underWay.current--;
    record.durationMs = this.elapsedMs();
    this.#record(record);
  }

  #record(record: RequestRecord): void {
    const connection = this.#connection.record;
    connection.requests = (connection.requests ?? 0) + 1;
    this.#ports.recordRequest?.(record);
  }
}

function rest(bytes: Buffer): Buffer[] {
  return bytes.length > 0 ? [bytes] : [];
}
