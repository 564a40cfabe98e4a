import type { ProxyConfig } from "../../../mesh/index.ts";
import { formatTable } from "../../table.ts";

const HEAD = ["SERVICE", "PORT", "PROTOCOL", "ENDPOINT", "POD", "SECURITY", "EXPECTED IDENTITIES"];

export interface EndpointRow {
  /** `name.namespace`. */
  readonly service: string;
  readonly port: number;
  readonly protocol: string;
  /** `address:port`; absent for a Service without a ready endpoint. */
  readonly endpoint?: string;
  /** `name.namespace`. */
  readonly pod?: string;
  readonly security?: "mtls" | "plaintext";
  /** Any of these may answer (secure naming). */
  readonly expectedSpiffeIds: readonly string[];
}

/** Where a proxy sends what its application opens, in the order of the configuration. */
export function endpointRows({ local, mesh }: ProxyConfig): readonly EndpointRow[] {
  const podNames = new Map(mesh.workloads.map(({ podUid, name, namespace }) => [podUid, `${name}.${namespace}`]));
  return mesh.services.flatMap((service) =>
    service.ports.flatMap(({ port, protocol, endpoints, expectedSpiffeIds }): readonly EndpointRow[] => {
      const facts = { service: `${service.name}.${service.namespace}`, port, protocol, expectedSpiffeIds };
      if (endpoints.length === 0) return [facts];
      return endpoints.map((endpoint) => ({
        ...facts,
        endpoint: `${endpoint.address}:${endpoint.port}`,
        pod: podNames.get(endpoint.podUid) ?? "",
        security: endpoint.tls && local.sidecar ? "mtls" : "plaintext",
      }));
    }),
  );
}

export function endpointTable(rows: readonly EndpointRow[]): string {
  if (rows.length === 0) return "No Services.\n";
  return formatTable([HEAD, ...rows.map(cells)]);
}

function cells(row: EndpointRow): readonly string[] {
  const { service, port, protocol, endpoint = "none ready", pod = "", security = "", expectedSpiffeIds } = row;
  return [
    service,
    String(port),
    protocol,
    endpoint,
    pod,
    security === "mtls" ? "mTLS" : security,
    security === "mtls" ? expectedSpiffeIds.join(", ") : "",
  ];
}
