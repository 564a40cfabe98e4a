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
  // "Wildcard at start or end of either allowed": an alias may be a pattern as well.
  const isLocal = domains.some((domain) => patternFits(written, domain) || patternFits(domain, written));
  if (written !== CLUSTER_LOCAL && !isLocal) return [value];
  // "A first part like `*-td` is kept as is for those names it already covers; duplicates removed." One like `td*` is not:
  // before `/ns/…` its star would be an ordinary character.
  const kept = domains.map((domain) => (written.startsWith("*") && patternFits(written, domain) ? written : domain));
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
function patternFits(pattern: string, domain: string): boolean {
  if (pattern === "" || domain === "") return false;
  if (pattern.startsWith("*")) return domain.endsWith(pattern.slice(1));
  if (pattern.endsWith("*")) return domain.startsWith(pattern.slice(0, -1));
  return pattern === domain;
}

const CLUSTER_LOCAL = "cluster.local";
