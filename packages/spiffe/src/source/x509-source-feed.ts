import { type Clock, equalBytes, type SymbolonError } from "../core/index.ts";
import type { HintedX509Svid, X509Context } from "../workload-api/index.ts";
import { createSourceState } from "./source-state.ts";
import type { X509Source } from "./x509-source.ts";

export interface X509SourceFeedOptions {
  /** For the waits of `ready`. */
  readonly clock: Clock;
  /** Runs once, when the source is closed. */
  readonly onClose?: () => void | Promise<void>;
}

/** The other end of a source: what is put in here is what the source answers from then on. */
export interface X509SourceFeed {
  readonly source: X509Source;
  /** undefined: there is no identity any more. A context that says nothing new is passed over. */
  set(context: X509Context | undefined): void;
  /** What a wait that ends too late names as its cause. */
  noteProblem(problem: SymbolonError): void;
  /** Nothing new will come: waits end with `error`; what is in force stays. */
  fail(error: unknown): void;
}

/** A source that is fed by its owner: from files, from another agent, in tests. */
export function createX509SourceFeed({ clock, onClose }: X509SourceFeedOptions): X509SourceFeed {
  const state = createSourceState<X509Context>({ clock, what: "identity", isSame: isSameContext, onClose });
  const { current, inForce, subscribe, ready, close, set, noteProblem, fail } = state;
  const source: X509Source = {
    current,
    get svid() {
      return inForce().svid;
    },
    get bundles() {
      return inForce().bundles;
    },
    get spiffeId() {
      return inForce().svid.spiffeId;
    },
    get expiresAt() {
      return inForce().svid.notAfter;
    },
    subscribe,
    ready,
    close,
    [Symbol.asyncDispose]: close,
  };
  return { source, set, noteProblem, fail };
}

function isSameContext(a: X509Context, b: X509Context): boolean {
  return (
    a.bundles.equals(b.bundles) &&
    equalBytes(a.svid.leaf.der, b.svid.leaf.der) &&
    a.svids.length === b.svids.length &&
    a.svids.every((identity, index) => isSameIdentity(identity, b.svids[index]))
  );
}

/** The key is the leaf's. */
function isSameIdentity(a: HintedX509Svid, b: HintedX509Svid | undefined): boolean {
  const other = b?.svid.chain ?? [];
  return (
    a.hint === b?.hint &&
    a.svid.chain.length === other.length &&
    a.svid.chain.every(({ der }, at) => equalBytes(der, other[at]?.der ?? new Uint8Array()))
  );
}
