import type { EndpointView, MeshView, ServicePortView } from "../mesh/index.ts";

/**
 * Where a Service of this mesh is served, by a name as programs use it: `name.namespace`, with `.svc` and the cluster's
 * domain or without. Undefined: it is no name of a Service. An empty list: nobody serves it now.
 */
export function serviceEndpoints(mesh: MeshView, host: string, port: number): readonly EndpointView[] | undefined {
  const labels = withoutSuffix(host.toLowerCase().replace(/\.$/, ""), mesh.clusterDomain).split(".");
  if (labels.length !== 2) return undefined;
  const [name, namespace] = labels;
  const service = mesh.services.find((candidate) => candidate.name === name && candidate.namespace === namespace);
  if (!service) return undefined;
  return service.ports.find((candidate: ServicePortView) => candidate.port === port)?.endpoints ?? [];
}

function withoutSuffix(host: string, clusterDomain: string): string {
  for (const suffix of [`.svc.${clusterDomain}`, ".svc"])
    if (host.endsWith(suffix)) return host.slice(0, -suffix.length);
  return host;
}
