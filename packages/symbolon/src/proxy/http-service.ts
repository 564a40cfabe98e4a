import type { RequestRecord, ResponseFlag } from "../telemetry/index.ts";
import type { HttpLimits } from "./http-limits.ts";
import type { RequestEdits, RequestHead } from "./http1/index.ts";
import type { CountLimit } from "./limit-name.ts";
import type { PeerFailure } from "./peer-connector.ts";
import type { PeerTarget } from "./route-destination.ts";
import type { StalledBytes } from "./stalled-bytes.ts";
import type { Sweeper } from "./sweeper.ts";
import type { UpstreamConnection } from "./upstream-connection.ts";
import type { UpstreamPool } from "./upstream-pool.ts";

/** Where a request goes: endpoints to try in this order, as long as nothing has been sent; or an answer of our own. */
export type HttpRoute =
  | { readonly kind: "forward"; readonly service?: string; readonly targets: readonly PeerTarget[] }
  | { readonly kind: "reply"; readonly service?: string; readonly reply: LocalReply };

/** An answer that no upstream has given. */
export interface LocalReply {
  readonly status: number;
  readonly flag: ResponseFlag;
  /** For the record, not for the client. */
  readonly detail: string;
  /** Instead of the status in words; without a line end at its end. */
  readonly body?: string;
  /** More fields: whole lines with CRLF. */
  readonly fields?: string;
}

/** A request or a tunnel that policies do not allow any more. */
export interface Revocation {
  readonly reply: LocalReply;
  /** Puts it on record; called once what it ends has ended, because writing takes longer than ending. */
  tell(): void;
}

/** What is done with the requests of one connection: the part in which inbound and outbound differ. */
export interface HttpService {
  readonly direction: "inbound" | "outbound";
  /** Of the connection that the requests come over. */
  readonly security: "mtls" | "plaintext";
  readonly localSpiffeId?: string;
  readonly peerSpiffeId?: string;
  /** End of the peer's certificate: the connection ends after the request that it is in then (SR-49). */
  readonly peerNotAfter?: Date;
  /** No connection is kept for another request, and when the upstream fails the client sees its connection reset. */
  readonly plainForwarder?: boolean;
  /**
   * Called first for each request; fills in its record. Answers what the request gets instead of being forwarded; then
   * `refused` is called as well, when the record has its identifier.
   */
  admit?(head: RequestHead, record: RequestRecord): LocalReply | undefined;
  refused?(record: RequestRecord): void;
  /** Policies have changed: what the request that `record` is of, or the tunnel that it has become, gets now. */
  readmit?(record: RequestRecord): Revocation | undefined;
  route(head: RequestHead): HttpRoute;
  edits(head: RequestHead): RequestEdits & { readonly requestId: string };
  /** A request has a connection to go over; it could not get one. */
  connected?(upstream: UpstreamConnection): void;
  connectFailed?(failure: PeerFailure, target: PeerTarget): void;
}

/** What every HTTP connection of a proxy shares. */
export interface HttpPorts {
  readonly pool: UpstreamPool;
  readonly sweeper: Sweeper;
  readonly limits: HttpLimits;
  readonly countLimit: CountLimit;
  readonly stalled: StalledBytes;
  /** Requests under way, of all connections. */
  readonly underWay: { current: number };
  readonly time: { now(): Date; monotonicMs(): number };
  readonly newRequestId: () => string;
  /** Called once for each request, when it has ended. */
  readonly recordRequest?: (record: RequestRecord) => void;
  /** The proxy is going away: each connection ends after the request that it is in. */
  readonly draining: () => boolean;
}
