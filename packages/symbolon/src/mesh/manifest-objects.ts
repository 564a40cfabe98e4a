import type {
  AuthorizationPolicy,
  MeshSecurityConfig,
  PeerAuthentication,
  RequestAuthentication,
} from "@symbolon/policy";
import type { SpiffeId, TrustDomain } from "@symbolon/spiffe/id";
import type { Labels, ObjectMeta } from "./object.ts";
import type { ReadinessProbe } from "./pod.ts";

/** Kubernetes objects as domain values: checked, defaults filled in, nothing that is ignored kept. */
export interface NamespaceObject {
  readonly kind: "Namespace";
  readonly meta: ObjectMeta;
}

export interface ServiceAccountObject {
  readonly kind: "ServiceAccount";
  readonly meta: ObjectMeta;
}

export interface ServiceObject {
  readonly kind: "Service";
  readonly meta: ObjectMeta;
  readonly type: ServiceType;
  /** Absent or empty: no endpoints of its own. */
  readonly selector: Labels;
  readonly ports: readonly ServicePort[];
  /** "auto": the mesh chooses; "none": headless; else the IPv4 address that the manifest asks for. */
  readonly clusterIp: "auto" | "none" | { readonly address: string };
  readonly publishNotReadyAddresses: boolean;
}

export type ServiceType = "ClusterIP" | "NodePort" | "LoadBalancer";

export interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly protocol: "tcp" | "udp";
  readonly appProtocol?: string;
  /** Number, or name of a container port. */
  readonly targetPort: number | string;
}

export interface DeploymentObject {
  readonly kind: "Deployment";
  readonly meta: ObjectMeta;
  readonly replicas: number;
  readonly strategy: DeploymentStrategy;
  readonly template: PodTemplate;
}

/** Pods above (`maxSurge`) and below (`maxUnavailable`) the wanted number during a change, already as counts. */
export type DeploymentStrategy =
  | { readonly kind: "recreate" }
  | { readonly kind: "rolling"; readonly maxSurge: number; readonly maxUnavailable: number };

export interface PodObject {
  readonly kind: "Pod";
  readonly meta: ObjectMeta;
  readonly template: PodTemplate;
}

export interface PodTemplate {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly serviceAccount: string;
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly ContainerTemplate[];
}

export interface ContainerTemplate {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly EnvironmentVariable[];
  readonly workingDirectory?: string;
  readonly ports: readonly ContainerPortTemplate[];
  readonly readinessProbe?: ReadinessProbe;
}

/** `value` may hold `$(NAME)`; `field` is a downward-API path, filled in when a pod is made. */
export type EnvironmentVariable =
  | { readonly name: string; readonly value: string }
  | { readonly name: string; readonly field: string };

export interface ContainerPortTemplate {
  readonly name?: string;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
}

export type WorkloadObject = DeploymentObject | PodObject;

/** Parsed and validated by `@symbolon/policy`; `meta` repeats what every object has. */
export interface PeerAuthenticationObject {
  readonly kind: "PeerAuthentication";
  readonly meta: ObjectMeta;
  readonly policy: PeerAuthentication;
}

/** As above. Its action is never "custom": nothing here asks a provider. */
export interface AuthorizationPolicyObject {
  readonly kind: "AuthorizationPolicy";
  readonly meta: ObjectMeta;
  readonly policy: AuthorizationPolicy;
}

/** As above. */
export interface RequestAuthenticationObject {
  readonly kind: "RequestAuthentication";
  readonly meta: ObjectMeta;
  readonly policy: RequestAuthentication;
}

/** The one ConfigMap that means something: Istio's MeshConfig, in force in the mesh's root namespace. */
export interface ConfigMapObject {
  readonly kind: "ConfigMap";
  readonly meta: ObjectMeta;
  readonly config: MeshSecurityConfig;
}

/** `unix:uid:1000` has type `unix` and value `uid:1000`. */
export interface EntrySelector {
  readonly type: string;
  readonly value: string;
}

/** SPIRE's registration entry: processes for which all selectors hold have this SPIFFE ID (spiffe.md §5.3). */
export interface ClusterStaticEntryObject {
  readonly kind: "ClusterStaticEntry";
  readonly meta: ObjectMeta;
  /** Has a path. */
  readonly spiffeId: SpiffeId;
  /** Taken for compatibility: one agent is the parent of all. */
  readonly parentId?: SpiffeId;
  /** At least one, no two equal. */
  readonly selectors: readonly EntrySelector[];
  readonly federatesWith: readonly TrustDomain[];
  /** Whole seconds; absent: the mesh's. */
  readonly x509LifetimeSeconds?: number;
  readonly jwtLifetimeSeconds?: number;
  readonly dnsNames: readonly string[];
  /** At most 1024 bytes. */
  readonly hint?: string;
}

export type MeshObject =
  | NamespaceObject
  | ServiceAccountObject
  | ServiceObject
  | DeploymentObject
  | PodObject
  | PeerAuthenticationObject
  | AuthorizationPolicyObject
  | RequestAuthenticationObject
  | ConfigMapObject
  | ClusterStaticEntryObject;
