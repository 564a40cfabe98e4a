/** Limits of HTTP connections; those of messages are in `http1/limits.ts` (SR-50). */
export interface HttpLimits {
  /** From the first byte of a request to the end of its head; then 408. */
  readonly requestHeadMs: number;
  /** Without a byte of content that a request still owes; then 408. */
  readonly requestIdleMs: number;
  /** From the end of a request to the head of its answer, and between parts of the answer; then 504. Envoy's stream idle time. */
  readonly responseIdleMs: number;
  /** Between requests. */
  readonly keepAliveMs: number;
  /**
   * Between requests when the proxy is leaving, or the peer's certificate has ended: shorter, and a close could meet a
   * request on its way; a connection that is in use is told with its next answer.
   */
  readonly drainIdleMs: number;
  /** A client that takes not a byte of what waits for it is cut off after so long (SR-51). */
  readonly writeIdleMs: number;
  /** Waits for clients that do not read, in the whole proxy; above it they are cut off without waiting for `writeIdleMs`. */
  readonly stalledBytes: number;
  /** A client that still sends is listened to so long after its answer, so that the answer is not lost in a reset. */
  readonly lingerMs: number;
  /**
   * An unused connection to the application is closed after so long: servers close theirs after 2 s (gunicorn) or 5 s
   * (Node), and a request that meets that close cannot be sent again.
   */
  readonly applicationKeepAliveMs: number;
  /** An unused connection to another proxy, whose own limit is `keepAliveMs`. */
  readonly peerKeepAliveMs: number;
  /** Unused connections to one endpoint; one more is closed instead of kept. */
  readonly idleUpstreamsPerTarget: number;
  /** Envoy's default circuit breaker; above it 503. */
  readonly upstreamsPerTarget: number;
  /** Answers 1xx before one request's real answer; above it 502. */
  readonly interimResponses: number;
  /** Requests under way in the whole proxy; one more is answered 503, and those under way go on. */
  readonly concurrentRequests: number;
  /** An application that opens a connection and says nothing is waited for so long on a port of no declared protocol. */
  readonly outboundDetectionMs: number;
  /** First bytes that are looked at to find out whether they are a request; above it they are not. */
  readonly detectionBytes: number;
}

export const HTTP_LIMITS: HttpLimits = {
  requestHeadMs: 10_000,
  requestIdleMs: 60_000,
  responseIdleMs: 300_000,
  keepAliveMs: 3_600_000,
  drainIdleMs: 1_000,
  writeIdleMs: 10_000,
  stalledBytes: 128 * 1024 * 1024,
  lingerMs: 2_000,
  applicationKeepAliveMs: 1_000,
  peerKeepAliveMs: 60_000,
  idleUpstreamsPerTarget: 128,
  upstreamsPerTarget: 1024,
  interimResponses: 16,
  concurrentRequests: 8192,
  outboundDetectionMs: 1_000,
  detectionBytes: 16 * 1024,
};
