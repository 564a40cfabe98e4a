import type { JsonValue } from "./document/index.ts";

/** What is known of a connection: constant while it lives, so that decisions on it can be prepared once. */
export interface ConnectionAttributes {
  /** Peer's verified SPIFFE ID, `spiffe://…`; absent: plaintext, or no verified identity. */
  readonly peerSpiffeId?: string;
  /** Address of the TCP peer, without port. */
  readonly sourceAddress: string;
  /** Original client behind trusted proxies (XFF, PROXY protocol); the TCP peer when absent (istio-security §3.8). */
  readonly remoteAddress?: string;
  readonly destinationAddress: string;
  /** Port of the pod, not of a Service. */
  readonly destinationPort: number;
  /** Server name of the TLS ClientHello. */
  readonly sni?: string;
}

/** One HTTP request as the proxy has parsed it. */
export interface RequestAttributes {
  readonly method: string;
  /** Request target in origin form as received, with query; the engine normalises it. */
  readonly path: string;
  /** `:authority` or `host`, with the port if the client sent one. */
  readonly host: string;
  /** Names in lower case; one element a header line, in order. Without pseudo-headers. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** Payload of the verified token; absent: no token, or none verified. */
  readonly claims?: JwtClaims | undefined;
}

/** Payload of a verified JWT with `spaceDelimitedClaims` already split (istio-security §2.6). */
export interface JwtClaims {
  readonly [claim: string]: JsonValue;
}
