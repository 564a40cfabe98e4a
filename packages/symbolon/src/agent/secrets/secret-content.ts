import type { X509Svid } from "@symbolon/spiffe/svid";

export interface TrustDomainAuthorities {
  /** Without scheme. */
  readonly trustDomain: string;
  readonly authoritiesPem: string;
}

/** What a TLS proxy is given under one name. */
export type SecretContent =
  | {
      readonly kind: "certificate";
      /** Leaf first, then intermediates; without the trust anchor. */
      readonly chainPem: string;
      readonly privateKey: X509Svid["privateKey"];
    }
  /** Peers are believed by the bundle of their own trust domain: each certificate has exactly one SPIFFE ID. */
  | { readonly kind: "spiffe-validation"; readonly trustDomains: readonly TrustDomainAuthorities[] }
  /** Any certificate of these authorities is believed, whatever its name. */
  | { readonly kind: "trusted-ca"; readonly authoritiesPem: string };

export type SecretValidator = Exclude<SecretContent["kind"], "certificate">;

/** `everything`: all that the workload has, by its own name. */
export type WantedSecrets = "everything" | ReadonlySet<string>;

export interface FoundSecrets {
  readonly secrets: ReadonlyMap<string, SecretContent>;
  /** There will be something under these names; `*` when it is not known yet under which. */
  readonly pending: readonly string[];
  /** Why there is nothing under the others that were asked for. */
  readonly missing: ReadonlyMap<string, string>;
}
