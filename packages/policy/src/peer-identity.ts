import { globMatches, parseStringPattern, patternMatches } from "./string-match.ts";

/** The peer's SPIFFE ID, taken apart once a connection for what policies ask of it (istio-security §3.4). */
export interface PeerIdentity {
  readonly spiffeId: string;
  /** Without `spiffe://`: what `principals` compares. */
  readonly principal: string;
  /** Undefined for an ID without path, which `trustDomains` knows only as "any". */
  readonly trustDomain: string | undefined;
  /** What stands between a `/ns/` and the next slash. One in every ID of Istio's form. */
  readonly namespaces: readonly string[];
  /** What stands after each `/ns/`, to the end. */
  readonly namespaceTails: readonly string[];
  /** `namespace/serviceAccount` of every way to read the ID. */
  readonly serviceAccounts: ReadonlySet<string>;
}

export function parsePeerIdentity(spiffeId: string): PeerIdentity {
  const principal = spiffeId.startsWith(SCHEME) ? spiffeId.slice(SCHEME.length) : "";
  const segments = principal.split("/");
  return {
    spiffeId,
    principal,
    trustDomain: segments.length > 1 ? segments[0] : undefined,
    namespaces: namespaceSegments(segments).map(({ value }) => value),
    namespaceTails: namespaceSegments(segments).map(({ index }) => segments.slice(index).join("/")),
    serviceAccounts: serviceAccountsOf(segments),
  };
}

/** Present: "any authenticated peer". */
export function principalMatches(value: string, { principal }: PeerIdentity): boolean {
  return value === "*" || patternMatches(parseStringPattern(value), principal);
}

// The whole-string regex `.*/ns/<v quoted, each * as .*>/.*`: a `*` may run over slashes.
export function namespaceMatches(value: string, { namespaces, spiffeId }: PeerIdentity): boolean {
  if (!value.includes("*") && !value.includes("/")) return namespaces.includes(value);
  return globMatches(`*/ns/${value}/*`, spiffeId);
}

/** Regex `spiffe://.+/ns/<n>/(.+/|)sa/<s>(/.+)?`; a value without slash is of the policy's own namespace. */
export function serviceAccountMatches(value: string, policyNamespace: string, peer: PeerIdentity): boolean {
  return peer.serviceAccounts.has(qualifiedServiceAccount(value, policyNamespace));
}

export function qualifiedServiceAccount(value: string, policyNamespace: string): string {
  return value.includes("/") ? value : `${policyNamespace}/${value}`;
}

/** `*`: any identity. Else the whole trust domain, with one `*` for any run of characters but slashes. */
export function trustDomainMatches(value: string, { trustDomain }: PeerIdentity): boolean {
  return value === "*" || (trustDomain !== undefined && globMatches(value, trustDomain));
}

interface PlacedSegment {
  readonly value: string;
  readonly index: number;
}

/** Segments that follow a segment `ns` and are followed by another; a trust domain `ns` counts, as it does for Istio. */
function namespaceSegments(segments: readonly string[]): PlacedSegment[] {
  const found: PlacedSegment[] = [];
  for (let index = 1; index < segments.length - 1; index++)
    if (segments[index - 1] === "ns") found.push({ value: segments[index] ?? "", index });
  return found;
}

function serviceAccountsOf(segments: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  const accounts: PlacedSegment[] = [];
  for (let index = 1; index < segments.length; index++)
    if (segments[index - 1] === "sa") accounts.push({ value: segments[index] ?? "", index });
  // Something stands before "ns", and the segment "sa" itself comes after the namespace.
  for (const namespace of namespaceSegments(segments))
    for (const account of accounts)
      if (namespace.index > 1 && account.index - 1 > namespace.index) found.add(`${namespace.value}/${account.value}`);
  return found;
}

const SCHEME = "spiffe://";
