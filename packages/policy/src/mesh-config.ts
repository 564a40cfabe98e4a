import type { SourcePosition } from "./document/index.ts";
import type { PathNormalization } from "./normalize-path.ts";

/** The keys of Istio's MeshConfig that its security uses; absent keys have Istio's defaults. */
export interface MeshSecurityConfig {
  /** "istio-system" when absent. */
  readonly rootNamespace: string;
  /** "cluster.local" when absent. */
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
  readonly enableAutoMtls: boolean;
  readonly pathNormalization: PathNormalization;
  /** Those that decide about requests; tracers and loggers are left out. */
  readonly authorizationProviders: readonly AuthorizationProvider[];
}

/** `envoyExtAuthzHttp` or `envoyExtAuthzGrpc` (istio-security §3.10). */
export interface AuthorizationProvider {
  readonly position: SourcePosition;
  readonly name: string;
  readonly kind: "http" | "grpc";
  /** `[namespace/]host`. */
  readonly service: string;
  readonly port: number;
  readonly timeoutMs: number;
  /** True: a provider that cannot be reached lets requests through. */
  readonly failOpen: boolean;
  readonly statusOnError: number;
  readonly clearRouteCache: boolean;
  readonly body?: CheckedBody;
  /** With "http" alone. */
  readonly http?: HttpProviderOptions;
}

export interface CheckedBody {
  readonly maxRequestBytes: number;
  readonly allowPartialMessage: boolean;
  readonly packAsBytes: boolean;
}

/** Lists of header names are string matches: exact, `prefix*`, `*suffix`. */
export interface HttpProviderOptions {
  readonly pathPrefix: string;
  readonly includeRequestHeadersInCheck: readonly string[];
  readonly includeAdditionalHeadersInCheck: Readonly<Record<string, string>>;
  readonly headersToUpstreamOnAllow: readonly string[];
  readonly headersToDownstreamOnDeny: readonly string[];
  readonly headersToDownstreamOnAllow: readonly string[];
}
