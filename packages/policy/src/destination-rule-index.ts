import { compareByCreation } from "./config-order.ts";
import type { DestinationRule } from "./destination-rule.ts";
import type { WorkloadTarget } from "./effective-peer-authentication.ts";
import { selectorMatches, selectorText } from "./selector.ts";

/** All DestinationRules of a mesh, by namespace and host, so that a lookup costs what the host's labels are. */
export interface DestinationRuleIndex {
  readonly rootNamespace: string;
  /**
   * The rule by which a client connects to a service: of the client's namespace, else of the service's, else of the root
   * namespace (istio-security §4.1). In a namespace the most specific host counts; rules for one host are one rule.
   */
  find(client: WorkloadTarget, service: DestinationService): DestinationRule | undefined;
}

export interface DestinationService {
  /** Full name: "reviews.default.svc.cluster.local". */
  readonly hostname: string;
  readonly namespace: string;
}

export interface DestinationRuleIndexOptions {
  readonly rootNamespace: string;
  /** What completes a short host; "cluster.local" when absent. */
  readonly clusterDomain?: string;
}

export function createDestinationRuleIndex(
  rules: Iterable<DestinationRule>,
  { rootNamespace, clusterDomain = "cluster.local" }: DestinationRuleIndexOptions,
): DestinationRuleIndex {
  const namespaces = new Map<string, NamespaceRules>();
  for (const rule of [...rules].sort(compareByCreation)) {
    const entry = namespaces.get(rule.namespace) ?? { hosts: new Map<string, DestinationRule[]>(), wildcards: [] };
    namespaces.set(rule.namespace, entry);
    const host = fullHost(rule, clusterDomain);
    if (host.startsWith("*") && !entry.hosts.has(host)) entry.wildcards.push(host);
    entry.hosts.set(host, addMerged(entry.hosts.get(host) ?? [], rule));
  }
  for (const { wildcards } of namespaces.values()) wildcards.sort((left, right) => right.length - left.length);
  return {
    rootNamespace,
    find: (client, service) => {
      for (const namespace of new Set([client.namespace, service.namespace, rootNamespace])) {
        const entry = namespaces.get(namespace);
        const found = entry && findInNamespace(entry, client, service.hostname.toLowerCase());
        if (found) return found;
      }
      return undefined;
    },
  };
}

/** Istio completes only names without a dot. */
export function fullHost(
  { host, namespace }: Pick<DestinationRule, "host" | "namespace">,
  clusterDomain: string,
): string {
  const name = host.toLowerCase().replace(/\.$/, "");
  return name.includes(".") || name.includes("*") ? name : `${name}.${namespace}.svc.${clusterDomain}`;
}

/**
 * Rules of one namespace for one host, with the same selector and visibility, are one: the oldest brings its traffic
 * policy, or the first of the younger ones that has any; each brings the subsets that nobody older has named.
 */
function addMerged(older: readonly DestinationRule[], rule: DestinationRule): DestinationRule[] {
  const scope = scopeOf(rule);
  const index = older.findIndex((candidate) => scopeOf(candidate) === scope);
  const first = older[index];
  if (!first) return [...older, rule];
  const source = first.hasTrafficPolicy ? first : rule;
  const names = new Set(first.subsets.map(({ name }) => name));
  const merged: DestinationRule = {
    ...first,
    hasTrafficPolicy: source.hasTrafficPolicy,
    traffic: source.traffic,
    subsets: [...first.subsets, ...rule.subsets.filter(({ name }) => !names.has(name))],
  };
  return older.with(index, Object.freeze(merged));
}

function scopeOf({ workloadSelector, exportTo }: DestinationRule): string {
  return `${workloadSelector ? selectorText(workloadSelector) : ""} ${exportTo.toSorted().join(",")}`;
}

interface NamespaceRules {
  readonly hosts: Map<string, readonly DestinationRule[]>;
  /** Longest first, which is most specific first. */
  readonly wildcards: string[];
}

function findInNamespace(
  { hosts, wildcards }: NamespaceRules,
  client: WorkloadTarget,
  hostname: string,
): DestinationRule | undefined {
  for (const host of [hostname, ...wildcards.filter((wildcard) => isCovered(hostname, wildcard))]) {
    const visible = (hosts.get(host) ?? []).filter((rule) => isVisible(rule, client));
    const selecting = visible.find(({ workloadSelector }) => workloadSelector);
    const found = selecting ?? visible[0];
    if (found) return found;
  }
  return undefined;
}

function isCovered(hostname: string, wildcard: string): boolean {
  return hostname.length >= wildcard.length && hostname.endsWith(wildcard.slice(1));
}

/** A rule with a selector is for clients of its own namespace alone. */
function isVisible({ namespace, exportTo, workloadSelector }: DestinationRule, client: WorkloadTarget): boolean {
  const isLocal = namespace === client.namespace;
  if (workloadSelector) return isLocal && selectorMatches(workloadSelector, client.labels);
  return (
    exportTo.length === 0 ||
    exportTo.includes("*") ||
    exportTo.includes(client.namespace) ||
    (isLocal && exportTo.includes("."))
  );
}
