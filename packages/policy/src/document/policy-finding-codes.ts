import type { FindingCatalogue } from "./finding-catalogue.ts";

/** Findings of the kinds that decide: SYM05xx AuthorizationPolicy, 06xx RequestAuthentication, 07xx DestinationRule, 08xx MeshConfig. */
export const POLICY_FINDING_CODES = {
  SYM0501: {
    title: "provider without CUSTOM action",
    severity: "error",
    fix: "remove provider, or set action: CUSTOM if the provider is to decide",
  },
  SYM0502: {
    title: "CUSTOM action without provider",
    severity: "error",
    fix: "set provider.name to an extension provider",
  },
  SYM0503: {
    title: "DENY or CUSTOM without rules",
    severity: "error",
    fix: "add rules; `rules: [{}]` matches every request",
  },
  SYM0504: { title: "rule without value", severity: "error", fix: "write {} for a rule that matches every request" },
  SYM0505: {
    title: "empty part of a rule",
    severity: "error",
    fix: "add what the part restricts to, or remove it: without it the rule is not restricted that way",
  },
  SYM0506: { title: "empty value in a rule", severity: "error", fix: "remove the empty value" },
  SYM0507: { title: "invalid address in a rule", severity: "error", fix: "write an IP address or a CIDR block" },
  SYM0508: {
    title: "invalid port in a rule",
    severity: "error",
    fix: "write the pod's port as decimal text, 0 to 65535",
  },
  SYM0509: {
    title: "invalid path template",
    severity: "error",
    fix: "let {*} or {**} fill a whole segment, {**} last; no other braces",
  },
  SYM0510: {
    title: "invalid service account in a rule",
    severity: "error",
    fix: "write serviceAccount or namespace/serviceAccount, without wildcards",
  },
  SYM0511: {
    title: "invalid trust domain in a rule",
    severity: "error",
    fix: "write the trust domain alone, with at most one * at its start or end",
  },
  SYM0512: {
    title: "service accounts beside namespaces or principals",
    severity: "error",
    fix: "use two entries of from: one with serviceAccounts, one with the other field",
  },
  SYM0513: { title: "invalid condition key", severity: "error", fix: "use a key that the documentation of when lists" },
  SYM0514: { title: "condition without values", severity: "error", fix: "add values or notValues" },
  SYM0515: {
    title: "field not supported with CUSTOM action",
    severity: "error",
    fix: "remove the field: identities are not known yet when the provider is asked",
  },
  SYM0516: { title: "invalid dry-run annotation", severity: "error", fix: 'set istio.io/dry-run to "true" or "false"' },
  SYM0517: {
    title: "dry-run of an action that has none",
    severity: "error",
    fix: "remove the annotation, or use action ALLOW or DENY",
  },
  SYM0518: {
    title: "DENY rule with HTTP attributes alone",
    severity: "warning",
    fix: "name the HTTP ports in to.operation.ports: on TCP ports HTTP attributes are left out and the rule matches more",
  },
  SYM0601: {
    title: "JWT rule without issuer and jwksUri",
    severity: "error",
    fix: "set issuer to the iss of the tokens",
  },
  SYM0602: { title: "empty audience", severity: "error", fix: "remove the empty audience" },
  SYM0603: { title: "invalid jwksUri", severity: "error", fix: "write an http or https URL with a host" },
  SYM0604: { title: "unreadable inline JWK set", severity: "error", fix: 'write a JSON object with a list "keys"' },
  SYM0605: { title: "both jwks and jwksUri", severity: "error", fix: "remove one of the two" },
  SYM0606: { title: "empty place of a token", severity: "error", fix: "name the header, parameter or cookie" },
  SYM0607: { title: "incomplete claim to header", severity: "error", fix: "set both header and claim" },
  SYM0608: { title: "invalid header name", severity: "error", fix: "use letters, digits, - and _ alone" },
  SYM0609: { title: "invalid JWK set timeout", severity: "error", fix: "write a duration of at least 1ms, like 5s" },
  SYM0610: {
    title: "private key in a JWK set",
    severity: "warning",
    fix: "publish the public part alone and replace the key: whoever reads the policy can sign tokens with it",
  },
  SYM0701: { title: "DestinationRule without host", severity: "error", fix: "set host to the service's name" },
  SYM0702: { title: "subset without name", severity: "error", fix: "name the subset" },
  SYM0703: { title: "two subsets of one name", severity: "error", fix: "rename or remove one of the two" },
  SYM0704: {
    title: "mutual TLS without client certificate",
    severity: "error",
    fix: "set clientCertificate and privateKey, or credentialName, or use ISTIO_MUTUAL for mesh certificates",
  },
  SYM0705: {
    title: "credentialName beside certificate files",
    severity: "error",
    fix: "remove credentialName or the files",
  },
  SYM0706: {
    title: "insecureSkipVerify beside what verifies",
    severity: "error",
    fix: "remove insecureSkipVerify; if the server is really not to be verified, remove the other fields",
  },
  SYM0707: {
    title: "credential of another namespace",
    severity: "error",
    fix: "use a ConfigMap of the rule's own namespace",
  },
  SYM0708: {
    title: "empty connection pool",
    severity: "error",
    fix: "add tcp or http settings, or remove connectionPool",
  },
  SYM0709: {
    title: "invalid or repeated port",
    severity: "error",
    fix: "write each port of the Service once, 1 to 65535",
  },
  SYM0710: {
    title: "field without effect in ISTIO_MUTUAL",
    severity: "warning",
    fix: "remove the field: mesh certificates are used",
  },
  SYM0711: {
    title: "traffic policy without settings",
    severity: "error",
    fix: "add a setting, or remove trafficPolicy",
  },
  SYM0712: {
    title: "TLS settings without mode",
    severity: "warning",
    fix: "write mode: ISTIO_MUTUAL for mesh certificates, or mode: DISABLE if plaintext is meant",
  },
  SYM0801: { title: "invalid trust domain", severity: "error", fix: "write a SPIFFE trust domain, like cluster.local" },
  SYM0802: {
    title: "invalid extension provider name",
    severity: "error",
    fix: "use 1 to 63 lower-case letters, digits and hyphens, no hyphen at an end",
  },
  SYM0803: { title: "two extension providers of one name", severity: "error", fix: "rename or remove one of the two" },
  SYM0804: { title: "invalid extension provider", severity: "error", fix: "correct the field as the message says" },
  SYM0805: {
    title: "ConfigMap of the mesh without MeshConfig",
    severity: "error",
    fix: "write the MeshConfig as one YAML document under data.mesh, or remove the ConfigMap",
  },
} as const satisfies FindingCatalogue;
