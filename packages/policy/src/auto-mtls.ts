import type { EffectiveMtlsMode } from "./mtls-mode.ts";
import type { NamespaceMtlsMode } from "./peer-authentication-index.ts";

export interface AutoMtlsTarget {
  /** Of the service's namespace: `PeerAuthenticationIndex.namespaceMtlsMode`. */
  readonly namespaceMode: NamespaceMtlsMode;
  /** A ServiceEntry with location MESH_EXTERNAL. */
  readonly meshExternal: boolean;
  readonly endpoint: {
    readonly hasSidecar: boolean;
    /** Effective mode of the endpoint's pod port. */
    readonly mode: EffectiveMtlsMode;
  };
}

/**
 * Whether a client's sidecar speaks mTLS to an endpoint when no DestinationRule says how (istio-security §4.3). First the
 * service as a whole, then the endpoint: so a workload's STRICT in a DISABLE namespace is reached in plaintext, and fails.
 */
export function usesAutoMtls({ namespaceMode, meshExternal, endpoint }: AutoMtlsTarget): boolean {
  if (meshExternal || namespaceMode === "disable") return false;
  return endpoint.hasSidecar && endpoint.mode !== "disable";
}
