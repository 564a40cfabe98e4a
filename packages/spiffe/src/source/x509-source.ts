import type { BundleSet } from "../bundle/index.ts";
import type { SpiffeId } from "../id/index.ts";
import type { X509Svid } from "../svid/index.ts";
import type { X509Context } from "../workload-api/index.ts";

export interface WaitOptions {
  /** Ends the wait with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds to wait at most; without it, as long as it takes. */
  readonly timeoutMs?: number;
}

/**
 * Where TLS takes its identity and its authorities from: a value that is always complete, and is replaced as a whole
 * when the agent sends a new one (Workload API §5; spiffe.md C8). Everything of one handshake belongs to one `current()`.
 */
export interface X509Source extends AsyncDisposable {
  /** What is in force; undefined before the first update, after the identity was withdrawn, and after `close`. */
  current(): X509Context | undefined;
  /** `svid` of what is in force. @throws ERR_SOURCE_NO_IDENTITY, ERR_SOURCE_CLOSED */
  readonly svid: X509Svid;
  /** `bundles` of what is in force. @throws as `svid` */
  readonly bundles: BundleSet;
  /** @throws as `svid` */
  readonly spiffeId: SpiffeId;
  /** When the leaf's validity ends (inclusive, RFC 5280 §4.1.2.5). @throws as `svid` */
  readonly expiresAt: Date;
  /**
   * Calls back after every change with what is in force then: a context, or undefined when the identity was withdrawn or
   * the source was closed. Not called with what is in force already. @returns how to stop it
   */
  subscribe(follower: (context: X509Context | undefined) => void): () => void;
  /**
   * Waits until there is an identity, and answers at once when there is one.
   * @throws ERR_SOURCE_TIMEOUT, ERR_SOURCE_CLOSED, what ended the watch, or the signal's reason
   */
  ready(options?: WaitOptions): Promise<X509Context>;
  /** Ends the connection to the agent; the last followers hear undefined. Twice is allowed. */
  close(): Promise<void>;
}
