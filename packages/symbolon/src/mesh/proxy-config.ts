import type { AuthorizationPolicy, PathNormalization, RequestAuthentication } from "@symbolon/policy";

/**
 * What one proxy is told. JSON-safe: `control-plane` computes it, a local socket carries it, `proxy` obeys it.
 * `mesh` is the same for every proxy of a version, so that the control plane encodes it once.
 */
export interface ProxyConfig {
  /** Grows with each change; a proxy never goes back to a lower one of the same epoch. */
  readonly version: number;
  readonly local: LocalConfig;
  readonly mesh: MeshView;
}

/** A mode that is in force: "unset" has been resolved. */
export type EffectiveMtlsMode = "disable" | "permissive" | "strict";

/** How a port's protocol was declared (istio-security §1.5): by `appProtocol` or by the name up to the first "-". */
export type PortProtocol = "http" | "tcp" | "auto";

/** What concerns this proxy's own workload. */
export interface LocalConfig {
  readonly podUid: string;
  readonly podName: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly address: string;
  /** False: a pod without sidecar; the proxy only does what kube-proxy does, holds no identity and speaks no TLS to peers. */
  readonly sidecar: boolean;
  /** Mode of every port that `inboundPorts` does not name. */
  readonly inboundMode: EffectiveMtlsMode;
  readonly inboundPorts: readonly InboundPort[];
  /** Every policy that attaches to this workload, without creation times: their order decides nothing. */
  readonly authorizationPolicies: readonly AuthorizationPolicy[];
  /** Absent: no RequestAuthentication attaches, and no token is looked at. */
  readonly requestAuthentication?: RequestAuthenticationConfig;
}

/** Which tokens of end users this workload takes, with the keys: a proxy fetches nothing. */
export interface RequestAuthenticationConfig {
  /** Every policy that attaches; without creation times and places in files. */
  readonly policies: readonly RequestAuthentication[];
  /** JWK sets that the control plane has fetched, by `keySourceOf` the rule. A source that is missing here has no keys. */
  readonly keySets: readonly FetchedKeySet[];
}

export interface FetchedKeySet {
  readonly source: string;
  /** JSON text of a JWK set, as it was fetched. */
  readonly jwks: string;
}

export interface InboundPort {
  /** Pod port (container port), not the Service's. */
  readonly port: number;
  readonly protocol: PortProtocol;
  readonly mode: EffectiveMtlsMode;
  /** Which object decided the mode, e.g. "PeerAuthentication foo/default"; "default" when none did. */
  readonly decidedBy: string;
}

/** What every proxy knows of the others. */
export interface MeshView {
  readonly trustDomain: string;
  /** Earlier or other names of the trust domain, wildcards allowed (istio-security §3.15). */
  readonly trustDomainAliases: readonly string[];
  /** What becomes of a request's path before policies and the application see it (istio-security §3.13). */
  readonly pathNormalization: PathNormalization;
  /** A request that a policy refuses is answered with the stable code of the reason in `x-symbolon-reason`. */
  readonly denialReasonHeader: boolean;
  readonly clusterDomain: string;
  readonly services: readonly ServiceView[];
  readonly workloads: readonly WorkloadView[];
  /** TCP ports that a proxy captures from its application: every Service port and every known pod port, ascending. */
  readonly capturedPorts: readonly number[];
}

export interface ServiceView {
  readonly namespace: string;
  readonly name: string;
  /** Cluster IP; absent for a headless service, whose name resolves to its endpoints. */
  readonly address?: string;
  readonly ports: readonly ServicePortView[];
}

export interface ServicePortView {
  readonly port: number;
  readonly protocol: PortProtocol;
  readonly endpoints: readonly EndpointView[];
  /**
   * Secure naming: SPIFFE IDs, any of which may serve this service (istio-security §4.4).
   * Empty means that nobody may: an mTLS connection is refused, never "any".
   */
  readonly expectedSpiffeIds: readonly string[];
}

export interface EndpointView {
  readonly podUid: string;
  readonly address: string;
  readonly port: number;
  /** True: reached with mTLS (auto mTLS, istio-security §4.3); false: plaintext. */
  readonly tls: boolean;
}

export interface WorkloadView {
  readonly podUid: string;
  readonly namespace: string;
  readonly name: string;
  readonly address: string;
  readonly spiffeId: string;
  readonly sidecar: boolean;
  /** Pod ports reached in plaintext although the workload has a sidecar (effective mode DISABLE). */
  readonly plaintextPorts: readonly number[];
  /** True: ports not listed above are reached in plaintext as well (workload-wide DISABLE). */
  readonly plaintextByDefault: boolean;
  /** How metrics name it; absent: they do not. */
  readonly names?: WorkloadNames;
}

/** Istio's names of a workload in metrics (istio-security §10.1). */
export interface WorkloadNames {
  /** Name of the Deployment, or of the pod when it has none. */
  readonly workload: string;
  /** Labels `app` and `version`. */
  readonly app?: string;
  readonly version?: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
}
