/** The local trust domain and its other names, the local one first. */
export interface TrustDomainNames {
  readonly trustDomain: string;
  readonly trustDomainAliases?: readonly string[];
}

/**
 * The values that a `principals`-like value stands for (istio-security §3.15): one that names the local trust domain, an
 * alias of it, or `cluster.local`, means all of the names. Others, and those without five parts, stay as they are.
 */
export function expandPrincipal(value: string, names: TrustDomainNames): readonly string[] {
  if (!namesTrustDomain(value)) return [value];
  const written = value.slice(0, value.indexOf("/"));
  const domains = allNames(names);
  if (written !== CLUSTER_LOCAL && !domains.some((domain) => domainMatches(written, domain))) return [value];
  // "A first part like `*-td` is kept as is for those names it already covers; duplicates removed."
  const kept = domains.map((domain) => (domainMatches(written, domain) ? written : domain));
  return [...new Set(kept.map((domain) => replaceTrustDomain(value, domain) ?? value))];
}

/** Whether a `principals`-like value asks for a trust domain, be it a pattern: five parts, the first of them not `*`. */
export function namesTrustDomain(value: string): boolean {
  const parts = value.split("/");
  return parts.length === 5 && parts[0] !== "*";
}

/** The same identity in another trust domain; undefined when the value has not the five parts of one. */
export function replaceTrustDomain(value: string, trustDomain: string): string | undefined {
  const [, ...rest] = value.split("/");
  return rest.length === 4 ? [trustDomain, ...rest].join("/") : undefined;
}

/** "`trustDomains` values: an exact member of T expands to all of T." */
export function expandTrustDomain(value: string, names: TrustDomainNames): readonly string[] {
  const domains = allNames(names);
  return domains.includes(value) ? domains : [value];
}

function allNames({ trustDomain, trustDomainAliases = [] }: TrustDomainNames): readonly string[] {
  return [...new Set([trustDomain, ...trustDomainAliases])];
}

/** A wildcard at the start or at the end; an empty first part names no trust domain. */
function domainMatches(written: string, domain: string): boolean {
  if (written === "") return false;
  if (written.startsWith("*")) return domain.endsWith(written.slice(1));
  if (written.endsWith("*")) return domain.startsWith(written.slice(0, -1));
  return written === domain;
}

const CLUSTER_LOCAL = "cluster.local";
