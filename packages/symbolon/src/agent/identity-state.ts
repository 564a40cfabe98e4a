import type { X509Bundle } from "@symbolon/spiffe/bundle";
import type { X509Svid } from "@symbolon/spiffe/svid";

/** An SVID with the authorities that its peers are verified against. */
export interface WorkloadIdentity {
  readonly svid: X509Svid;
  readonly bundle: X509Bundle;
}

/**
 * requesting: no certificate yet, the first call is under way.
 * available:  a certificate is served; its renewal is scheduled.
 * renewing:   the same, and a call for its successor is under way.
 * retrying:   the last call failed; with `identity` the old certificate is still served.
 * expired:    the last certificate has run out, nothing is served, calls go on.
 */
export type IdentityState =
  | { readonly kind: "requesting" }
  | {
      readonly kind: "available";
      readonly identity: WorkloadIdentity;
      readonly receivedAt: Date;
      readonly renewAt: Date;
    }
  | { readonly kind: "renewing"; readonly identity: WorkloadIdentity; readonly receivedAt: Date }
  | {
      readonly kind: "retrying";
      readonly since: Date;
      readonly attempts: number;
      readonly nextAttemptAt: Date;
      readonly reason: string;
      readonly identity?: WorkloadIdentity;
      readonly receivedAt?: Date;
    }
  | { readonly kind: "expired"; readonly since: Date; readonly reason: string };

/** What may be handed out in this state. */
export function servedIdentity(state: IdentityState): WorkloadIdentity | undefined {
  switch (state.kind) {
    case "available":
    case "renewing":
      return state.identity;
    case "retrying":
      return state.identity;
    case "requesting":
    case "expired":
      return undefined;
  }
}
