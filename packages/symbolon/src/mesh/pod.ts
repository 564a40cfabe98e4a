/**
 * A pod as the pod runtime needs it: what to run, with which identity, at which address.
 * JSON-safe, because it travels from the control plane to the pod runtime.
 */
export interface Pod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  /** Name of the Deployment that wants this pod; absent for a bare Pod. */
  readonly deployment?: string;
  /** True when this pod has a sidecar (namespace label `istio-injection=enabled`, or `sidecar.istio.io/inject`). */
  readonly sidecar: boolean;
  /** IPv4 address of the pod on the mesh's bridge. */
  readonly address: string;
  readonly containers: readonly Container[];
  readonly terminationGracePeriodSeconds: number;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  /** `command` of the manifest; absent means that the image map decides. */
  readonly command?: readonly string[];
  readonly args: readonly string[];
  /** In order; downward-API fields and `$(NAME)` are filled in, here and in `command` and `args`. */
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly workingDirectory?: string;
  readonly ports: readonly ContainerPort[];
  readonly readinessProbe?: ReadinessProbe;
}

export interface ContainerPort {
  readonly name?: string;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
}

/** Kubernetes' readiness probe with its defaults filled in; times in seconds. */
export interface ReadinessProbe {
  readonly action:
    | { readonly kind: "http"; readonly path: string; readonly port: number }
    | { readonly kind: "tcp"; readonly port: number }
    | { readonly kind: "exec"; readonly command: readonly string[] };
  readonly initialDelaySeconds: number;
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

/** What the pod runtime reports back. */
export interface PodStatus {
  readonly phase: "pending" | "running" | "failed";
  readonly ready: boolean;
  /** Why it is not ready, in one sentence; absent when ready. */
  readonly reason?: string;
  readonly startTime?: string;
  /** Process id (in the mesh's PID namespace) and kernel start time of the pod's proxy. */
  readonly proxy?: { readonly pid: number; readonly startTicks: number; readonly restarts: number };
  readonly containers: readonly ContainerStatus[];
}

export interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly state: "waiting" | "running" | "terminated";
  readonly reason?: string;
  readonly exitCode?: number;
  /** Process id in the mesh's PID namespace of the container's first process. */
  readonly pid?: number;
}
