import type { BundleSet } from "../bundle/index.ts";
import type { X509Svid } from "../svid/index.ts";

/** One of a workload's identities, and what the operator says it is for. */
export interface HintedX509Svid {
  readonly svid: X509Svid;
  /** Workload API §5.2.2; "" when none was given. Unique among the identities of one context. */
  readonly hint: string;
}

/** A workload's complete X.509 state at one moment (Workload API §5.2): identities and authorities belong together. */
export interface X509Context {
  /** The default identity: the first that the agent sent, unless a picker chose another one. */
  readonly svid: X509Svid;
  /** All identities, at least one, in the agent's order. */
  readonly svids: readonly HintedX509Svid[];
  /** The authorities of the workload's own trust domain and of those that it federates with. */
  readonly bundles: BundleSet;
  /** DER certificate revocation lists. The standard defines no behaviour for them, and nothing here reads them. */
  readonly crls: readonly Uint8Array[];
}
