import type { SpiffeId } from "@symbolon/spiffe/id";
import type { CallerCredentials } from "./ports.ts";

/** Who asks, proved: identity comes from here and from nowhere else. */
export interface Caller {
  readonly spiffeId: SpiffeId;
  /** As audit and issuance log name it. */
  readonly name: string;
  readonly authenticator: string;
  readonly details: Readonly<Record<string, string>>;
}

/**
 * "absent": the call has nothing for this authenticator. "refused": it has, and it does not hold; the next one is asked
 * all the same (istio-security §5.2).
 */
export type Attempt =
  | { readonly kind: "authenticated"; readonly caller: Caller }
  | { readonly kind: "absent" }
  | { readonly kind: "refused"; readonly code: string; readonly reason: string };

export interface CallerAuthenticator {
  readonly name: string;
  attempt(credentials: CallerCredentials): Promise<Attempt>;
}
