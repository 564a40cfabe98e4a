import { spiffeError } from "../core/index.ts";
import type { VerifiedPeer } from "../svid/index.ts";

/** A property, not a WeakMap: HTTP/2 hands out proxies of sockets, which pass properties on. Shared by copies of this package. */
const PEER = Symbol.for("@symbolon/spiffe.peer");

/** A socket, or anything that leads to one: a request of `http`, `http2` or Express, an HTTP/2 session or stream. */
export interface PeerCarrier {
  readonly socket?: unknown;
  readonly session?: unknown;
  readonly stream?: unknown;
}

export function markVerified(socket: object, peer: VerifiedPeer): void {
  Object.defineProperty(socket, PEER, { value: peer, enumerable: false, configurable: false, writable: false });
}

/**
 * Who is at the other end of a connection that this package has verified.
 * @throws ERR_TLS_PEER_UNKNOWN when it has not: the connection came in another way
 */
export function peerOf(carrier: object): VerifiedPeer {
  const peer = find(carrier, 0);
  if (peer) return peer;
  const message = "this connection was not verified here: take it from a server or client of @symbolon/spiffe/tls";
  throw spiffeError("ERR_TLS_PEER_UNKNOWN", message);
}

/** request -> stream -> session -> socket is the longest way. */
function find(carrier: unknown, depth: number): VerifiedPeer | undefined {
  if (typeof carrier !== "object" || carrier === null || depth > 3) return undefined;
  const peer = (carrier as { readonly [PEER]?: VerifiedPeer })[PEER];
  if (peer) return peer;
  const { socket, session, stream } = carrier as PeerCarrier;
  return find(socket, depth + 1) ?? find(session, depth + 1) ?? find(stream, depth + 1);
}
