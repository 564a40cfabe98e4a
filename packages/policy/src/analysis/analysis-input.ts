import type { AuthorizationPolicy } from "../authorization-policy.ts";
import type { DestinationRule } from "../destination-rule.ts";
import type { WorkloadTarget } from "../effective-peer-authentication.ts";
import type { MeshSecurityConfig } from "../mesh-config.ts";
import type { ResourceReference } from "../object-envelope.ts";
import type { Labels } from "../object-metadata.ts";
import type { PeerAuthentication } from "../peer-authentication.ts";
import type { RequestAuthentication } from "../request-authentication.ts";

/** Everything that is looked at together. What is not given is not judged: no inventory, no "matches no workload". */
export interface AnalysisInput {
  readonly authorizationPolicies?: readonly AuthorizationPolicy[];
  readonly requestAuthentications?: readonly RequestAuthentication[];
  readonly peerAuthentications?: readonly PeerAuthentication[];
  readonly destinationRules?: readonly DestinationRule[];
  readonly meshConfig?: MeshSecurityConfig;
  readonly inventory?: MeshInventory;
  /** Istio's control planes among the manifests; their options are looked at, nothing else. */
  readonly controlPlanes?: readonly AnalyzedControlPlane[];
}

export interface MeshInventory {
  /** Absent: which namespaces there are is not known. */
  readonly namespaces?: readonly string[];
  readonly workloads: readonly AnalyzedWorkload[];
  readonly services: readonly AnalyzedService[];
  /** Declared, besides those that workloads run as. */
  readonly serviceAccounts?: readonly { readonly namespace: string; readonly name: string }[];
}

export interface AnalyzedWorkload extends WorkloadTarget {
  readonly kind: string;
  readonly name: string;
  readonly annotations: Labels;
  readonly serviceAccount: string;
  /** Declared container ports; a pod may listen on others. */
  readonly containerPorts: readonly { readonly name?: string; readonly number: number }[];
  /** False: no policy is enforced on it. */
  readonly inMesh: boolean;
}

export interface AnalyzedService {
  readonly name: string;
  readonly namespace: string;
  /** Empty: selects nothing. */
  readonly selector: Labels;
  readonly ports: readonly AnalyzedServicePort[];
}

export interface AnalyzedServicePort {
  readonly port: number;
  /** Number, or name of a container port. */
  readonly targetPort: number | string;
  /** "auto": not declared, found out by the proxy. */
  readonly protocol: "http" | "tcp" | "auto";
}

export interface AnalyzedControlPlane extends ResourceReference {
  /** `BLOCKED_CIDRS_IN_JWKS_URIS` is set. */
  readonly blocksJwksUris: boolean;
}

/** What a Service declares about a port: `appProtocol`, else the prefix of its name (Istio's protocol selection). */
export function declaredProtocol(port: {
  readonly name?: string;
  readonly appProtocol?: string;
}): AnalyzedServicePort["protocol"] {
  const word = (port.appProtocol ?? port.name?.split("-")[0] ?? "").toLowerCase().replace(/^kubernetes\.io\//, "");
  if (HTTP_WORDS.has(word)) return "http";
  return TCP_WORDS.has(word) ? "tcp" : "auto";
}

const HTTP_WORDS: ReadonlySet<string> = new Set(["http", "http2", "h2c", "ws", "grpc"]);
const TCP_WORDS: ReadonlySet<string> = new Set(["tcp", "tls", "https", "wss", "mongo", "mysql", "redis"]);
