import type { VerifiedPeer } from "@symbolon/spiffe/svid";
import { ResponseParser } from "./http1/index.ts";
import type { Leg, LegOwner } from "./leg.ts";
import type { ProxyIdentity } from "./ports.ts";
import type { PeerTarget } from "./route-destination.ts";

/** Whose request is on an upstream connection. */
export interface UpstreamUser {
  /** The parser has new bytes. */
  onResponseBytes(): void;
  onUpstreamDrained(): void;
  /** Its FIN, or its end. Told once. */
  onUpstreamGone(): void;
}

/** A connection to an endpoint that carries one request at a time. */
export class UpstreamConnection implements LegOwner {
  readonly leg: Leg;
  readonly target: PeerTarget;
  readonly key: string;
  /** Ours, at the handshake: after a rotation new requests go over new connections. */
  readonly identity: ProxyIdentity | undefined;
  readonly peer: VerifiedPeer | undefined;
  readonly tlsVersion: string | undefined;
  readonly parser = new ResponseParser();
  user: UpstreamUser | undefined;
  /** Since when it is unused. */
  idleSinceMs = 0;
  #left = false;
  #told = false;
  readonly #forget: (connection: UpstreamConnection) => void;

  constructor(options: {
    readonly leg: Leg;
    readonly target: PeerTarget;
    readonly key: string;
    readonly identity: ProxyIdentity | undefined;
    readonly peer: VerifiedPeer | undefined;
    readonly tlsVersion: string | undefined;
    readonly forget: (connection: UpstreamConnection) => void;
  }) {
    this.leg = options.leg;
    this.target = options.target;
    this.key = options.key;
    this.identity = options.identity;
    this.peer = options.peer;
    this.tlsVersion = options.tlsVersion;
    this.#forget = options.forget;
    this.leg.owner = this;
  }

  onData(_leg: Leg, chunk: Buffer): void {
    // An answer that nobody asked for: whatever it is, it must not be taken for the next one's.
    if (!this.user) return this.discard();
    this.parser.push(chunk);
    this.user.onResponseBytes();
  }

  onDrained(): void {
    this.user?.onUpstreamDrained();
  }

  onEnded(): void {
    if (!this.user) return this.discard();
    this.#gone();
  }

  onClosed(): void {
    this.#leavePool();
    this.#gone();
  }

  /** Ends the connection, whatever is on it; the user is not told. */
  discard(): void {
    this.user = undefined;
    this.#leavePool();
    this.leg.terminate();
  }

  #leavePool(): void {
    if (this.#left) return;
    this.#left = true;
    this.#forget(this);
  }

  #gone(): void {
    if (this.#told) return;
    this.#told = true;
    this.user?.onUpstreamGone();
  }
}
