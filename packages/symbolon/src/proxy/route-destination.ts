import type { PortProtocol, ProxyConfig, ServicePortView, ServiceView } from "../mesh/index.ts";
import type { RefusalReason } from "../telemetry/index.ts";
import { isOwnAddress } from "./own-address.ts";

/** Where a peer is, and how it is spoken to. */
export interface PeerTarget {
  readonly address: string;
  readonly port: number;
  readonly security: PeerSecurity;
}

export type PeerSecurity =
  | { readonly kind: "plaintext" }
  | {
      readonly kind: "mtls";
      readonly serverName: string;
      /** Any of these may answer; with an empty list nobody may (SR-44). */
      readonly expectedSpiffeIds: readonly string[];
    };

export type Route =
  | {
      readonly kind: "forward";
      readonly service?: string;
      /** Of the port; absent: nobody in the mesh, or nothing that looks into connections. */
      readonly protocol?: PortProtocol;
      readonly targets: readonly PeerTarget[];
    }
  | {
      readonly kind: "refuse";
      readonly reason: RefusalReason;
      readonly detail: string;
      readonly service?: string;
      readonly protocol?: PortProtocol;
    };

/** Endpoints of a port whose orders are kept: their number is its square. */
const MAX_KEPT_ORDERS = 32;

/** Whether a router of the one is one of the other: what is equal in two versions is the same object. */
export function sameRoutes(a: ProxyConfig, b: ProxyConfig): boolean {
  return a.mesh === b.mesh && a.local.sidecar === b.local.sidecar && a.local.address === b.local.address;
}

/** Look-ups of one mesh view, built once. */
export interface Router {
  /** @param pick chooses where in the list of endpoints to begin: 0 to `count` - 1 */
  route(address: string, port: number, pick: (count: number) => number): Route;
}

/** @param forbidden addresses that lead back to this proxy or around it */
export function createRouter(config: ProxyConfig, forbidden: readonly string[]): Router {
  const { local, mesh } = config;
  const services = new Map(
    mesh.services.flatMap((service) => (service.address ? [[service.address, service] as const] : [])),
  );
  const workloads = new Map(mesh.workloads.map((workload) => [workload.address, workload]));
  /** By the endpoint that they begin with. */
  const routesOfPorts = new Map<ServicePortView, Route[]>();
  const targetsOfPorts = new Map<ServicePortView, readonly PeerTarget[]>();
  let podProtocols: ReadonlyMap<string, PortProtocol> | undefined;
  const never = new Set([...forbidden, local.address]);

  return {
    route(address, port, pick) {
      const service = services.get(address);
      if (service) return toService(service, port, pick);
      if (never.has(address) || isOwnAddress(address))
        return refuse("unknown_destination", `${address} is not an address that this pod may call`);
      const workload = workloads.get(address);
      if (!workload) return { kind: "forward", targets: [{ address, port, security: { kind: "plaintext" } }] };
      const plaintext =
        !local.sidecar || !workload.sidecar || workload.plaintextByDefault || workload.plaintextPorts.includes(port);
      const security: PeerSecurity = plaintext
        ? { kind: "plaintext" }
        : {
            kind: "mtls",
            // The mesh knows who has this address (ADR 11): nobody else may answer there.
            serverName: `outbound_.${port}_._.${workload.name}.${workload.namespace}.pod.${mesh.clusterDomain}`,
            expectedSpiffeIds: [workload.spiffeId],
          };
      // Requests are told to the other side by ALPN, so that its policies see them as they would through a Service.
      const protocol = local.sidecar ? { protocol: declaredProtocol(address, port) ?? "auto" } : {};
      return { kind: "forward", ...protocol, targets: [{ address, port, security }] };
    },
  };

  /** Of a pod's own port, as the first Service says that leads to it. */
  function declaredProtocol(address: string, port: number): PortProtocol | undefined {
    podProtocols ??= new Map(
      mesh.services
        .flatMap(({ ports }) => ports)
        .flatMap(({ endpoints, protocol }) =>
          endpoints.map((endpoint) => [`${endpoint.address}:${endpoint.port}`, protocol] as const),
        )
        .reverse(),
    );
    return podProtocols.get(`${address}:${port}`);
  }

  function toService(service: ServiceView, port: number, pick: (count: number) => number): Route {
    const servicePort = service.ports.find((candidate) => candidate.port === port);
    const first = servicePort && servicePort.endpoints.length > 0 ? pick(servicePort.endpoints.length) : 0;
    const known = servicePort && routesOfPorts.get(servicePort)?.[first];
    if (known) return known;
    const name = `${service.name}.${service.namespace}:${port}`;
    if (!servicePort)
      return refuse("unknown_destination", `Service ${service.name}.${service.namespace} has no port ${port}`, name);
    const { endpoints } = servicePort;
    // A pod without sidecar has nothing that looks into its connections.
    const protocol = local.sidecar ? { protocol: servicePort.protocol } : {};
    if (endpoints.length === 0)
      return { ...refuse("no_endpoint", `Service ${name} has no ready endpoint`, name), ...protocol };
    const targets = targetsOf(service, servicePort);
    const route: Route = {
      kind: "forward",
      service: name,
      ...protocol,
      targets: first === 0 ? targets : [...targets.slice(first), ...targets.slice(0, first)],
    };
    if (endpoints.length <= MAX_KEPT_ORDERS) keepRoute(servicePort, first, route);
    return route;
  }

  function keepRoute(servicePort: ServicePortView, first: number, route: Route): void {
    const routes = routesOfPorts.get(servicePort) ?? [];
    routes[first] = route;
    routesOfPorts.set(servicePort, routes);
  }

  /** Made once: every request over HTTP asks. */
  function targetsOf(service: ServiceView, servicePort: ServicePortView): readonly PeerTarget[] {
    const known = targetsOfPorts.get(servicePort);
    if (known) return known;
    const { port, endpoints, expectedSpiffeIds } = servicePort;
    // Istio's form (istio-security §4.2).
    const serverName = `outbound_.${port}_._.${service.name}.${service.namespace}.svc.${mesh.clusterDomain}`;
    const targets = endpoints.map(
      ({ address, port: endpointPort, tls }): PeerTarget => ({
        address,
        port: endpointPort,
        security: tls && local.sidecar ? { kind: "mtls", serverName, expectedSpiffeIds } : { kind: "plaintext" },
      }),
    );
    targetsOfPorts.set(servicePort, targets);
    return targets;
  }
}

function refuse(reason: RefusalReason, detail: string, service?: string): Route {
  return { kind: "refuse", reason, detail, ...(service === undefined ? {} : { service }) };
}
