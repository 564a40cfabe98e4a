import type { ProxyConfig, WorkloadView } from "../mesh/index.ts";

/** Value of a label of which nothing is known, as Istio writes it. */
export const UNKNOWN = "unknown";
/** Istio's name of the only cluster. */
const CLUSTER = "Kubernetes";

/** Labels of who speaks with whom, the same for HTTP and TCP; their order is that of {@link EDGE_LABELS}. */
export const EDGE_LABELS = [
  "reporter",
  "source_workload",
  "source_workload_namespace",
  "source_principal",
  "source_app",
  "source_version",
  "source_cluster",
  "source_canonical_service",
  "source_canonical_revision",
  "destination_workload",
  "destination_workload_namespace",
  "destination_principal",
  "destination_app",
  "destination_version",
  "destination_cluster",
  "destination_canonical_service",
  "destination_canonical_revision",
  "destination_service",
  "destination_service_name",
  "destination_service_namespace",
  "connection_security_policy",
] as const;

/** What the records of connections and requests tell of both ends. */
export interface Traffic {
  readonly direction: "inbound" | "outbound";
  readonly peerAddress: string;
  readonly originalDestination: string;
  readonly security: string;
  readonly service?: string;
  readonly upstream?: string;
  readonly localSpiffeId?: string;
  readonly peerSpiffeId?: string;
}

/** Names of workloads and Services in one version of the configuration. Everything that is not in it is "unknown", so that labels are as bounded as it is. */
export interface EdgeNames {
  /** Values of {@link EDGE_LABELS}. */
  valuesOf(traffic: Traffic): readonly string[];
}

export function createEdgeNames({ local, mesh }: ProxyConfig): EdgeNames {
  const byAddress = new Map(mesh.workloads.map((workload) => [workload.address, workload]));
  const byIdentity = workloadsByIdentity(mesh.workloads);
  const own = mesh.workloads.find(({ podUid }) => podUid === local.podUid);
  /** The certificate is right, and the address only as far as it agrees; replicas have one name. */
  const workloadOf = (address: string, principal: string | undefined): WorkloadView | undefined => {
    const there = byAddress.get(address);
    return principal === undefined || there?.spiffeId === principal ? there : byIdentity.get(principal);
  };
  const services = new Map<string, readonly [namespace: string, name: string]>();
  /** Service that leads to a port of this pod; of several the first in the order of their names. */
  const ownServices = new Map<number, readonly [namespace: string, name: string]>();
  for (const { namespace, name, ports } of mesh.services)
    for (const { port, endpoints } of ports) {
      services.set(`${name}.${namespace}:${port}`, [namespace, name]);
      for (const endpoint of endpoints)
        if (endpoint.podUid === local.podUid && !ownServices.has(endpoint.port))
          ownServices.set(endpoint.port, [namespace, name]);
    }

  return {
    valuesOf(traffic) {
      const { direction, peerSpiffeId } = traffic;
      const mutual = traffic.security === "mtls" && peerSpiffeId !== undefined;
      const ownPrincipal = mutual ? (traffic.localSpiffeId ?? own?.spiffeId) : undefined;
      const peerPrincipal = mutual ? peerSpiffeId : undefined;
      if (direction === "inbound")
        return [
          "destination",
          ...workloadValues(workloadOf(traffic.peerAddress, peerPrincipal), peerPrincipal),
          ...workloadValues(own, ownPrincipal),
          ...serviceValues(ownServices.get(portOf(traffic.originalDestination)), mesh.clusterDomain),
          mutual ? "mutual_tls" : "none",
        ];
      return [
        "source",
        ...workloadValues(own, ownPrincipal),
        ...workloadValues(workloadOf(addressOf(traffic.upstream), peerPrincipal), peerPrincipal),
        ...serviceValues(services.get(traffic.service ?? ""), mesh.clusterDomain),
        UNKNOWN,
      ];
    },
  };
}

/** Of each identity that only one workload runs as. */
function workloadsByIdentity(workloads: readonly WorkloadView[]): ReadonlyMap<string, WorkloadView | undefined> {
  const found = new Map<string, WorkloadView | undefined>();
  for (const workload of workloads) {
    const { spiffeId, names } = workload;
    const before = found.get(spiffeId);
    const isSame = !found.has(spiffeId) || (before?.names !== undefined && before.names.workload === names?.workload);
    found.set(spiffeId, isSame ? workload : undefined);
  }
  return found;
}

function workloadValues(workload: WorkloadView | undefined, principal = UNKNOWN): readonly string[] {
  const names = workload?.names;
  if (!workload || !names) return [UNKNOWN, UNKNOWN, principal, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, "latest"];
  return [
    names.workload,
    workload.namespace,
    principal,
    names.app ?? UNKNOWN,
    names.version ?? UNKNOWN,
    CLUSTER,
    names.canonicalService,
    names.canonicalRevision,
  ];
}

function serviceValues(service: readonly [string, string] | undefined, clusterDomain: string): readonly string[] {
  if (!service) return [UNKNOWN, UNKNOWN, UNKNOWN];
  const [namespace, name] = service;
  return [`${name}.${namespace}.svc.${clusterDomain}`, name, namespace];
}

function addressOf(upstream = ""): string {
  return upstream.slice(0, upstream.lastIndexOf(":"));
}

function portOf(destination: string): number {
  return Number(destination.slice(destination.lastIndexOf(":") + 1));
}
