/** Whom the generator connects to; with `tls` it speaks mutual TLS itself, with the client's certificate. */
export interface Target {
  readonly address: string;
  readonly tls?: ClientTls;
}

export interface ClientTls {
  readonly certFile: string;
  readonly keyFile: string;
  readonly serverName: string;
  /** Key-agreement groups, in OpenSSL's names. */
  readonly groups: string;
}

/** A request with `upload` bytes of content, and an answer with `download` bytes. */
export interface Exchange {
  readonly upload: number;
  readonly download: number;
  /** Tokens, one a line, that requests have in turn; absent: requests have none. */
  readonly tokensFile?: string;
}

export type Order =
  /** Answered when there has been one exchange on each connection: every handshake is over. */
  | {
      readonly kind: "connect";
      readonly target: Target;
      readonly connections: number;
      readonly exchange: Exchange;
    }
  /** One exchange after another on every connection. */
  | { readonly kind: "run"; readonly seconds: number }
  /** So many exchanges a second over all connections, and how long each took. */
  | { readonly kind: "pace"; readonly seconds: number; readonly perSecond: number }
  /** Every exchange on a connection of its own, so many at a time. */
  | {
      readonly kind: "run-new";
      readonly target: Target;
      readonly connections: number;
      readonly exchange: Exchange;
      readonly seconds: number;
    }
  | { readonly kind: "close" };

export interface Outcome {
  /** Exchanges that came to their end since the order, each with the answer that was expected. */
  readonly exchanges: number;
  readonly seconds: number;
  /** Connections that have broken, and answers that were wrong. */
  readonly failures: number;
  readonly firstFailure?: string;
  /** Requests that the back end has seen since the order. */
  readonly served: number;
  /** Milliseconds, of a paced run. */
  readonly latency?: { readonly p50: number; readonly p99: number; readonly highest: number };
}
