import { usesAutoMtls } from "./auto-mtls.ts";
import type { ClientTls } from "./client-tls.ts";
import type { EffectiveMtlsMode } from "./mtls-mode.ts";
import type { NamespaceMtlsMode } from "./peer-authentication-index.ts";

/**
 * How a client connects to one endpoint.
 * plaintext: no TLS. mesh: mutual TLS with mesh certificates. external: TLS by the rule's own files or credential.
 */
export type ClientTlsDecision =
  | { readonly kind: "plaintext"; readonly source: "rule" | "auto" }
  | {
      readonly kind: "mesh";
      readonly source: "rule" | "auto";
      readonly sni: string;
      /** Whom the server may be; a list, and an empty one accepts nobody. */
      readonly serverNames: readonly string[];
    }
  | { readonly kind: "external"; readonly source: "rule"; readonly tls: ClientTls };

export interface ClientTlsInput {
  /** Of the DestinationRule that counts (`clientTlsOf`); absent: no rule says anything. */
  readonly ruleTls?: ClientTls;
  /** `meshConfig.enableAutoMtls`. */
  readonly autoMtls: boolean;
  readonly meshExternal: boolean;
  /** Of the service's namespace: `PeerAuthenticationIndex.namespaceMtlsMode`. */
  readonly namespaceMode: NamespaceMtlsMode;
  readonly endpoint: { readonly hasSidecar: boolean; readonly mode: EffectiveMtlsMode };
  /** `outbound_.80_.v1_.reviews.default.svc.cluster.local` (istio-security §4.2). */
  readonly sni: string;
  /** Secure naming: the accounts of the service (istio-security §4.4). */
  readonly serviceAccounts: readonly string[];
}

/** "When no DestinationRule supplies `tls`" auto mTLS decides, else the rule alone (istio-security §4.1, §4.3). */
export function decideClientTls(input: ClientTlsInput): ClientTlsDecision {
  const { ruleTls, autoMtls, sni, serviceAccounts } = input;
  if (!ruleTls)
    return autoMtls && usesAutoMtls(input)
      ? { kind: "mesh", source: "auto", sni, serverNames: serviceAccounts }
      : { kind: "plaintext", source: "auto" };
  if (ruleTls.mode === "disable") return { kind: "plaintext", source: "rule" };
  if (ruleTls.mode !== "istio-mutual") return { kind: "external", source: "rule", tls: ruleTls };
  // "If the DestinationRule lists `subjectAltNames`, that list replaces it."
  const serverNames = ruleTls.subjectAltNames.length > 0 ? ruleTls.subjectAltNames : serviceAccounts;
  return { kind: "mesh", source: "rule", sni: ruleTls.sni ?? sni, serverNames };
}
