import type { ClientTls } from "./client-tls.ts";
import type { SourcePosition } from "./document/index.ts";
import type { Labels } from "./object-metadata.ts";
import type { WorkloadSelector } from "./selector.ts";

/**
 * How clients connect to a service: the TLS part of Istio's `networking.istio.io` DestinationRule (istio-security §4.1).
 * Load balancing, connection pools and the like are accepted and not kept.
 */
export interface DestinationRule {
  readonly kind: "DestinationRule";
  readonly namespace: string;
  readonly name: string;
  /** Absent counts as older than any time, as Go's zero time does. */
  readonly creationTimestamp?: Date;
  readonly position: SourcePosition;
  /** As written: a short name belongs to the rule's namespace; may begin with a wildcard. */
  readonly host: string;
  /** ".", "*" or names of namespaces; empty: every namespace. */
  readonly exportTo: readonly string[];
  /** Which clients of the rule's namespace it is for; absent: all that see the rule. */
  readonly workloadSelector?: WorkloadSelector;
  /** Whether `trafficPolicy` was written at all: a younger rule for the same host brings one only to a rule without. */
  readonly hasTrafficPolicy: boolean;
  readonly traffic: TrafficTls;
  readonly subsets: readonly DestinationSubset[];
}

export interface TrafficTls {
  readonly tls?: ClientTls;
  /**
   * By port of the Service. "Port-level settings replace, they do not merge": an entry without `tls` is a port for which
   * nothing is said about TLS, whatever is said for the others.
   */
  readonly ports: ReadonlyMap<number, { readonly tls?: ClientTls }>;
}

export interface DestinationSubset {
  readonly name: string;
  readonly position: SourcePosition;
  readonly labels: Labels;
  readonly traffic: TrafficTls;
}

/** "Subset port-level > subset > rule port-level > rule"; undefined: the rule says nothing, and auto mTLS decides. */
export function clientTlsOf(
  { traffic, subsets }: Pick<DestinationRule, "traffic" | "subsets">,
  { servicePort, subset }: { readonly servicePort: number; readonly subset?: string },
): ClientTls | undefined {
  const narrower = subset === undefined ? undefined : subsets.find(({ name }) => name === subset)?.traffic;
  const ofSubset = narrower?.ports.get(servicePort);
  if (ofSubset) return ofSubset.tls;
  if (narrower?.tls) return narrower.tls;
  const ofRule = traffic.ports.get(servicePort);
  return ofRule ? ofRule.tls : traffic.tls;
}
