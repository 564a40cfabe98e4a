import { type AnalyzedService, type AnalyzedServicePort, selectorMatches } from "@symbolon/policy";
import type { PolicySet, SetWorkload } from "./policy-set.ts";

/** A port of a pod, and the Services' ports that lead to it. */
export interface PodPort {
  readonly number: number;
  readonly services: readonly { readonly service: AnalyzedService; readonly port: AnalyzedServicePort }[];
}

/** Ports that the containers declare, and those that Services lead to, by number. */
export function podPorts(workload: SetWorkload, { services }: PolicySet): readonly PodPort[] {
  const ports = new Map<number, PodPort["services"]>(workload.containerPorts.map(({ number }) => [number, []]));
  for (const service of services) {
    if (!selects(service, workload)) continue;
    for (const port of service.ports) {
      const number = targetOf(port, workload);
      if (number !== undefined) ports.set(number, [...(ports.get(number) ?? []), { service, port }]);
    }
  }
  return [...ports].map(([number, from]) => ({ number, services: from })).sort((a, b) => a.number - b.number);
}

/** What the Services declare of a port; "auto" when nothing, or not the same. */
export function protocolOf({ services }: PodPort): AnalyzedServicePort["protocol"] {
  const [first, ...rest] = services.map(({ port }) => port.protocol);
  return first !== undefined && rest.every((protocol) => protocol === first) ? first : "auto";
}

function selects({ namespace, selector }: AnalyzedService, workload: SetWorkload): boolean {
  return (
    namespace === workload.namespace &&
    Object.keys(selector).length > 0 &&
    selectorMatches({ matchLabels: selector }, workload.labels)
  );
}

function targetOf({ targetPort }: AnalyzedServicePort, { containerPorts }: SetWorkload): number | undefined {
  return typeof targetPort === "number" ? targetPort : containerPorts.find(({ name }) => name === targetPort)?.number;
}
