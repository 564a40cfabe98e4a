import type { FindingInfo } from "../document/index.ts";

export interface AnalysisInfo extends FindingInfo {
  /** The message of `istioctl analyze` that says the same. */
  readonly istioCode?: string;
  /** Kiali's validation that says the same. */
  readonly kialiCode?: string;
}

/** What is valid and probably not meant. Codes are stable and never reused, as those of the parsers. */
export const ANALYSIS_CODES = {
  SYM1001: {
    title: "rule that can never match",
    severity: "warning",
    fix: "remove one of the two contradicting lists, or the values that they share",
  },
  SYM1002: {
    title: "rule that another one covers",
    severity: "warning",
    fix: "remove the rule, or make it ask for something that the other one does not cover",
  },
  SYM1003: {
    title: "ALLOW rule that a DENY rule makes void",
    severity: "warning",
    fix: "remove the ALLOW rule, or make the DENY rule narrower",
  },
  SYM1004: {
    title: "ALLOW in the root namespace that widens others",
    severity: "warning",
    fix: "move the policy to the namespaces it is for, or restrict by a DENY policy: what any ALLOW policy allows is allowed",
  },
  SYM1005: {
    title: "list items that look like one",
    severity: "warning",
    fix: "remove the second dash, so that both conditions must hold; items of a list are alternatives",
  },
  SYM1006: {
    title: "HTTP attributes on a TCP port",
    severity: "warning",
    fix: "name the HTTP ports in to.operation.ports, or declare the service's port as HTTP (name or appProtocol)",
  },
  SYM1007: {
    title: "principal with spiffe://",
    severity: "warning",
    fix: "write the principal without spiffe://",
  },
  SYM1008: {
    title: "negation that lets plaintext in",
    severity: "warning",
    fix: 'add principals: ["*"] beside the negation, or require mTLS by a PeerAuthentication with mode STRICT',
  },
  SYM1009: {
    title: "port of a Service where the pod's port counts",
    severity: "warning",
    fix: "write the pod's port (the Service's targetPort)",
  },
  SYM1010: {
    title: "token that nothing requires",
    severity: "warning",
    fix: 'add an AuthorizationPolicy with action DENY and from.source.notRequestPrincipals: ["*"], or requestPrincipals in an ALLOW policy',
  },
  SYM1011: {
    title: "host without its ports",
    severity: "warning",
    fix: 'write both forms, like ["a.com", "a.com:*"]: clients may send the port',
  },
  SYM1012: {
    title: "path that no request has",
    severity: "warning",
    fix: "write the path as it is after normalization, without query and fragment",
  },
  SYM1013: {
    title: "identity that several workloads share",
    severity: "warning",
    fix: "give the workload that is meant a service account of its own",
  },
  SYM1014: {
    title: "policy that applies to no workload",
    severity: "warning",
    fix: "correct the labels or the namespace, or remove the policy",
    istioCode: "IST0127",
    kialiCode: "KIA0004",
  },
  SYM1015: {
    title: "namespace that does not exist",
    severity: "error",
    fix: "correct the name, or create the namespace",
    istioCode: "IST0101",
    kialiCode: "KIA0101",
  },
  SYM1016: {
    title: "TLS without CA certificates",
    severity: "warning",
    fix: "set caCertificates to the CA of the server",
    istioCode: "IST0128",
  },
  SYM1017: {
    title: "TLS of a port without CA certificates",
    severity: "warning",
    fix: "set caCertificates to the CA of the server",
    istioCode: "IST0129",
  },
  SYM1018: {
    title: "identity asked for where connections have none",
    severity: "warning",
    fix: "require mTLS by a PeerAuthentication with mode STRICT for these workloads",
    kialiCode: "KIA0105",
  },
  SYM1019: {
    title: "wildcard that is an ordinary character",
    severity: "warning",
    fix: "put one * at the start or at the end; nowhere else does it stand for anything",
  },
  SYM1020: {
    title: "ALLOW policy without rules",
    severity: "info",
    fix: "write `rules: [{}]` if everything is to be allowed; leave it if nothing is",
  },
  SYM1021: {
    title: "method that no request has",
    severity: "warning",
    fix: "write the method in upper case; for gRPC put /package.service/method into paths",
    kialiCode: "KIA0102",
  },
  SYM1022: {
    title: "workload requires mTLS in a namespace that turns it off",
    severity: "warning",
    fix: "set the namespace's PeerAuthentication to PERMISSIVE, or add a DestinationRule with ISTIO_MUTUAL for the service",
  },
  SYM1023: {
    title: "extension provider that does not exist",
    severity: "error",
    fix: "add the provider to the mesh configuration, or correct the name",
    istioCode: "IST0101",
  },
  SYM1024: {
    title: "client and server disagree on TLS",
    severity: "warning",
    fix: "remove tls from the DestinationRule: automatic mTLS follows the server",
    kialiCode: "KIA0207",
  },
  SYM1025: {
    title: "key sets may be fetched from anywhere",
    severity: "warning",
    fix: "set BLOCKED_CIDRS_IN_JWKS_URIS on istiod to the networks that no issuer is in",
    istioCode: "IST0175",
  },
  SYM1026: {
    title: "service account that does not exist",
    severity: "warning",
    fix: "correct the name, or create the service account",
    kialiCode: "KIA0106",
  },
  SYM1027: {
    title: "trust domain of another mesh",
    severity: "warning",
    fix: "write a trust domain of this mesh, or add the other one to trustDomainAliases",
    kialiCode: "KIA0108",
  },
  SYM1028: {
    title: "star that is not everybody",
    severity: "info",
    fix: "leave the field out if everyone is meant; keep it to ask for an identity",
  },
  SYM1029: {
    title: "host by one of its names",
    severity: "warning",
    fix: "add the other names of the Service",
  },
  SYM1030: {
    title: "port that no workload declares",
    severity: "info",
    fix: "correct the port, or declare it on the workload if it listens there",
  },
  SYM1031: {
    title: "path that another spelling gets past",
    severity: "info",
    fix: "set pathNormalization.normalization to MERGE_SLASHES or DECODE_AND_MERGE_SLASHES, or allow the paths that are meant instead of keeping others out",
  },
  SYM1032: {
    title: "selector on a Kubernetes Gateway",
    severity: "warning",
    fix: "use targetRefs with kind Gateway instead of the selector",
    istioCode: "IST0166",
  },
  SYM1033: {
    title: "host of a Service that does not exist",
    severity: "info",
    fix: "correct the name, or create the Service",
    kialiCode: "KIA0104",
  },
} as const satisfies Readonly<Record<`SYM${string}`, AnalysisInfo>>;

export type AnalysisCode = keyof typeof ANALYSIS_CODES;
