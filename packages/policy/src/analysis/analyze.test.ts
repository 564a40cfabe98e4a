import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatFinding } from "../document/index.ts";
import { parseMeshConfig } from "../parse-mesh-config.ts";
import { requireParsed } from "../require-parsed.ts";
import { parseYamlDocuments } from "../yaml/index.ts";
import { ANALYSIS_CODES } from "./analysis-codes.ts";
import { analyzeDocuments } from "./analyze-documents.ts";

/** A mistake, and the same with the fix applied: that must have no finding left at all. */
interface Fixture {
  readonly code: string;
  readonly name: string;
  readonly wrong: string;
  readonly fixed: string;
  /** Part of "PATH: MESSAGE". */
  readonly says: string;
  readonly meshConfig?: string;
  /** Where the fix is there. */
  readonly fixedMeshConfig?: string;
}

const object = (kind: string, head: string, spec: string) => {
  const [namespace, name, created] = head.split("/");
  const time = created === undefined ? "" : `, creationTimestamp: "2026-01-01T00:00:${created}Z"`;
  const group = kind === "DestinationRule" ? "networking" : "security";
  return `apiVersion: ${group}.istio.io/v1\nkind: ${kind}\nmetadata: {namespace: ${namespace}, name: ${name}${time}}\nspec: ${spec}\n---\n`;
};
const authz = (spec: string, head = "foo/p") => object("AuthorizationPolicy", head, spec);
const peer = (mode: string, head = "foo/default") => object("PeerAuthentication", head, `{mtls: {mode: ${mode}}}`);
const tokens = object("RequestAuthentication", "foo/jwt", "{jwtRules: [{issuer: i, jwksUri: 'https://i/jwks'}]}");
const pod = (name: string, ports = "[]", head = "foo", account = name) =>
  `apiVersion: v1\nkind: Pod\nmetadata: {namespace: ${head}, name: ${name}, labels: {app: ${name}}}\nspec: {serviceAccountName: ${account}, containers: [{ports: ${ports}}]}\n---\n`;
const service = (name: string, port: string) =>
  `apiVersion: v1\nkind: Service\nmetadata: {namespace: foo, name: ${name}}\nspec: {selector: {app: ${name}}, ports: [${port}]}\n---\n`;
const namespace = (name: string) =>
  `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}, labels: {istio-injection: enabled}}\n---\n`;
const rules = (text: string, action = "ALLOW") => authz(`{action: ${action}, rules: [${text}]}`);
const from = (text: string) => `{from: [{source: {${text}}}]}`;
const to = (text: string) => `{to: [{operation: {${text}}}]}`;

const gateway =
  "apiVersion: v1\nkind: Pod\nmetadata: {namespace: foo, name: edge, labels: {app: edge, gateway.networking.k8s.io/gateway-name: edge}}\nspec: {containers: [{}]}\n---\n";

const TOKENS_REQUIRED = `${tokens}${pod("web")}${rules(from('requestPrincipals: ["*"]'))}`;

const FIXTURES: readonly Fixture[] = [
  {
    code: "SYM1001",
    name: "a list and its own negation",
    wrong: rules(to('methods: [GET, HEAD], notMethods: ["*"]')),
    fixed: rules(to("methods: [GET, HEAD], notMethods: [HEAD]")),
    says: 'spec.rules[0].to[0]: this never matches: methods ["GET", "HEAD"] and notMethods ["*"] exclude each other',
  },
  {
    code: "SYM1001",
    name: "a field and a condition that have nothing in common",
    wrong: rules('{from: [{source: {ipBlocks: [10.0.0.0/8]}}], when: [{key: source.ip, values: ["11.1.1.1"]}]}'),
    fixed: rules('{from: [{source: {ipBlocks: [10.0.0.0/8]}}], when: [{key: source.ip, values: ["10.1.1.1"]}]}'),
    says: "when source.ip values",
  },
  {
    code: "SYM1002",
    name: "a rule that an earlier one covers",
    wrong: rules(`${to("paths: ['/api/*']")}, ${to("paths: [/api/v1], methods: [GET]")}`),
    fixed: rules(`${to("paths: ['/api/*']")}, ${to("paths: [/apis/v1], methods: [GET]")}`),
    says: "spec.rules[1]: this adds nothing: rule 0 of foo/p (f.yaml:4) matches all of it",
  },
  {
    code: "SYM1002",
    name: "the same rule in two policies of one scope",
    wrong:
      authz("{rules: [{from: [{source: {namespaces: [a]}}]}]}", "foo/old/01") +
      authz("{selector: {matchLabels: {app: x}}, rules: [{from: [{source: {namespaces: [a]}}]}]}", "foo/young/02"),
    fixed:
      authz("{selector: {matchLabels: {app: z}}, rules: [{from: [{source: {namespaces: [a]}}]}]}", "foo/old/01") +
      authz("{selector: {matchLabels: {app: x}}, rules: [{from: [{source: {namespaces: [a]}}]}]}", "foo/young/02"),
    says: "rule 0 of foo/old",
  },
  {
    code: "SYM1002",
    name: "an alternative of TCP beside one of HTTP, which is lost to TCP with its rule",
    wrong: rules(`{to: [{operation: {ports: ['80']}}, {operation: {ports: ['81']}}]}, ${to("ports: ['80']")}`),
    fixed: rules(
      `{to: [{operation: {ports: ['80']}}, {operation: {paths: [/a], ports: ['81']}}]}, ${to("ports: ['80']")}`,
    ),
    says: "spec.rules[1]: this adds nothing",
  },
  {
    code: "SYM1003",
    name: "an ALLOW rule under a DENY rule",
    wrong:
      rules(to("methods: [GET], ports: ['80']")) +
      authz("{action: DENY, rules: [{to: [{operation: {ports: ['80', '81']}}]}]}", "foo/deny"),
    fixed:
      rules(to("methods: [GET], ports: ['80']")) +
      authz("{action: DENY, rules: [{to: [{operation: {ports: ['81']}}]}]}", "foo/deny"),
    says: "this allows nothing: rule 0 of foo/deny",
  },
  {
    code: "SYM1004",
    name: "an ALLOW policy in the root namespace",
    wrong:
      rules(from("namespaces: [a]")) + authz("{rules: [{to: [{operation: {methods: [GET]}}]}]}", "istio-system/wide"),
    fixed:
      rules(from("namespaces: [a]")) +
      authz("{action: DENY, rules: [{to: [{operation: {methods: [GET], ports: ['80']}}]}]}", "istio-system/wide"),
    says: "what this allows is allowed also where foo/p would not: ALLOW policies add up",
  },
  {
    code: "SYM1005",
    name: "from and to as two rules",
    wrong: rules(`${from("namespaces: [a]")}, ${to("methods: [GET]")}`),
    fixed: rules("{from: [{source: {namespaces: [a]}}], to: [{operation: {methods: [GET]}}]}"),
    says: "spec.rules[1]: rule 0 has only `from` and rule 1 only `to`: as two rules, either alone is enough",
  },
  {
    code: "SYM1005",
    name: "methods and paths as two operations",
    wrong: rules("{to: [{operation: {methods: [GET]}}, {operation: {paths: [/a]}}]}"),
    fixed: rules("{to: [{operation: {methods: [GET], paths: [/a]}}]}"),
    says: "spec.rules[0].to[1]: item 0 asks only for methods and item 1 only for paths",
  },
  {
    code: "SYM1006",
    name: "a DENY by path that a TCP port knows as a DENY of everything",
    wrong:
      pod("db") +
      service("db", "{name: redis, port: 6379}") +
      authz("{action: DENY, rules: [{to: [{operation: {paths: [/admin], notPorts: ['80']}}]}]}"),
    fixed:
      pod("db") +
      service("db", "{name: redis, port: 6379}") +
      authz("{action: DENY, rules: [{to: [{operation: {paths: [/admin], ports: ['80']}}]}]}"),
    says: "port 6379 of Service foo/db is TCP, where paths does not exist and is left out",
  },
  {
    code: "SYM1006",
    name: "an ALLOW by method on a TCP port",
    wrong: pod("db") + service("db", "{name: tcp-db, port: 6379}") + rules(to("methods: [GET], ports: ['6379']")),
    fixed: pod("db") + service("db", "{name: http-db, port: 6379}") + rules(to("methods: [GET], ports: ['6379']")),
    says: "this rule never allows anything",
  },
  {
    code: "SYM1007",
    name: "a principal with spiffe://",
    wrong: rules(from("principals: ['spiffe://cluster.local/ns/a/sa/b']")),
    fixed: rules(from("principals: ['cluster.local/ns/a/sa/b']")),
    says: "spec.rules[0].from[0].source.principals[0]: no caller has the principal",
  },
  {
    code: "SYM1008",
    name: "an ALLOW by negation where plaintext is accepted",
    wrong: rules(from("notPrincipals: [cluster.local/ns/a/sa/b]")),
    fixed: peer("STRICT") + rules(from("notPrincipals: [cluster.local/ns/a/sa/b]")),
    says: "notPrincipals does not hold back a caller without identity, who is let in: these workloads accept plaintext",
  },
  {
    code: "SYM1008",
    name: "the other fix of it",
    wrong: rules("{when: [{key: source.namespace, notValues: [a]}]}"),
    fixed: rules('{from: [{source: {principals: ["*"]}}], when: [{key: source.namespace, notValues: [a]}]}'),
    says: "when source.namespace notValues does not hold back",
  },
  {
    code: "SYM1009",
    name: "the Service's port in a rule",
    wrong: pod("web") + service("web", "{port: 80, targetPort: 8080}") + rules(to("ports: ['80']")),
    fixed: pod("web") + service("web", "{port: 80, targetPort: 8080}") + rules(to("ports: ['8080']")),
    says: "80 is a port of Service foo/web, and no workload of this policy listens on it: the pod's port counts, which is 8080",
  },
  {
    code: "SYM1009",
    name: "the Service's port in portLevelMtls",
    wrong:
      pod("web", "[{name: http, containerPort: 8080}]") +
      service("web", "{port: 80, targetPort: http}") +
      object(
        "PeerAuthentication",
        "foo/p",
        "{selector: {matchLabels: {app: web}}, portLevelMtls: {'80': {mode: DISABLE}}}",
      ),
    fixed:
      pod("web", "[{name: http, containerPort: 8080}]") +
      service("web", "{port: 80, targetPort: http}") +
      object(
        "PeerAuthentication",
        "foo/p",
        "{selector: {matchLabels: {app: web}}, portLevelMtls: {'8080': {mode: DISABLE}}}",
      ),
    says: "spec.portLevelMtls.80: 80 is a port of Service foo/web",
  },
  {
    code: "SYM1010",
    name: "tokens that no policy requires",
    wrong: tokens,
    fixed:
      tokens +
      authz(
        '{action: DENY, rules: [{from: [{source: {notRequestPrincipals: ["*"]}}], to: [{operation: {ports: ["80"]}}]}]}',
      ),
    says: "spec.jwtRules: no AuthorizationPolicy asks for a token: requests without one are let in",
  },
  {
    code: "SYM1010",
    name: "the other fix of it",
    wrong: tokens,
    fixed: object(
      "RequestAuthentication",
      "foo/jwt",
      "{jwtRules: [{issuer: i, jwksUri: 'https://i/jwks', presence: REQUIRED}]}",
    ),
    says: "no AuthorizationPolicy asks for a token",
  },
  {
    code: "SYM1010",
    name: "tokens that another workload's policy requires",
    wrong:
      pod("a") +
      pod("b") +
      tokens +
      authz('{selector: {matchLabels: {app: a}}, rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}'),
    fixed: pod("a") + pod("b") + tokens + authz('{rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}'),
    says: "no AuthorizationPolicy asks for a token",
  },
  {
    code: "SYM1011",
    name: "a DENY by host that a port gets past",
    wrong: rules(to("hosts: [a.com], ports: ['80']"), "DENY"),
    fixed: rules(to("hosts: [a.com, 'a.com:*'], ports: ['80']"), "DENY"),
    says: 'a client may send "a.com:8080", which is another host and gets past this rule',
  },
  {
    code: "SYM1012",
    name: "a path that normalization changes",
    wrong: rules(to("paths: [/a/../b]")),
    fixed: rules(to("paths: [/b]")),
    says: 'no request has the path "/a/../b": it is "/b" when it is compared',
  },
  {
    code: "SYM1012",
    name: "double slashes where they are merged",
    wrong: rules(to("paths: ['/a//b*']")),
    fixed: rules(to("paths: ['/a/b*']")),
    says: 'it is "/a/b" when it is compared',
    meshConfig: "{pathNormalization: {normalization: MERGE_SLASHES}}",
  },
  {
    code: "SYM1012",
    name: "a query",
    wrong: rules(to("paths: ['/a?b=c']")),
    fixed: rules(to("paths: [/a]")),
    says: 'they have no "?"',
  },
  {
    code: "SYM1013",
    name: "two workloads with the account that nobody chose",
    wrong:
      pod("a", "[]", "foo", "default") + pod("b", "[]", "foo", "default") + rules(from("serviceAccounts: [default]")),
    fixed: pod("a", "[]", "foo", "default") + pod("b", "[]", "foo", "b") + rules(from("serviceAccounts: [default]")),
    says: '"default" is 2 workloads at once, which share the account default: a, b',
  },
  {
    code: "SYM1014",
    name: "labels that no workload has",
    wrong: pod("web") + authz("{selector: {matchLabels: {app: wep}}, rules: [{}]}"),
    fixed: pod("web") + authz("{selector: {matchLabels: {app: web}}, rules: [{}]}"),
    says: "spec.selector: No matching workloads for this resource with the following labels: app=wep",
  },
  {
    code: "SYM1015",
    name: "a namespace that does not exist",
    wrong: namespace("foo") + namespace("bar") + pod("x") + rules(from("namespaces: [baz, 'ba*']")),
    fixed: namespace("foo") + namespace("bar") + pod("x") + rules(from("namespaces: [bar, 'ba*']")),
    says: 'spec.rules[0].from[0].source.namespaces[0]: Referenced namespace not found: "baz"',
  },
  {
    code: "SYM1016",
    name: "SIMPLE without CA",
    wrong: object("DestinationRule", "foo/r", "{host: a.com, trafficPolicy: {tls: {mode: SIMPLE}}}"),
    fixed: object(
      "DestinationRule",
      "foo/r",
      "{host: a.com, trafficPolicy: {tls: {mode: SIMPLE, caCertificates: /ca.pem}}}",
    ),
    says: "has TLS mode set to SIMPLE but no caCertificates are set to validate server identity for host: a.com",
  },
  {
    code: "SYM1017",
    name: "MUTUAL of a port without CA",
    wrong: object(
      "DestinationRule",
      "foo/r",
      "{host: a.com, trafficPolicy: {portLevelSettings: [{port: {number: 443}, tls: {mode: MUTUAL, clientCertificate: c, privateKey: k}}]}}",
    ),
    fixed: object(
      "DestinationRule",
      "foo/r",
      "{host: a.com, trafficPolicy: {portLevelSettings: [{port: {number: 443}, tls: {mode: MUTUAL, clientCertificate: c, privateKey: k, caCertificates: /ca.pem}}]}}",
    ),
    says: "at port number:443",
  },
  {
    code: "SYM1018",
    name: "a DENY by identity where plaintext is accepted",
    wrong: rules(from("namespaces: [a]"), "DENY"),
    fixed: peer("STRICT") + rules(from("namespaces: [a]"), "DENY"),
    says: "namespaces does not match who connects without mTLS, and so gets past this rule",
  },
  {
    code: "SYM1018",
    name: "an ALLOW by identity where mTLS is off",
    wrong: peer("DISABLE") + rules(from("namespaces: [a]")),
    fixed: peer("PERMISSIVE") + rules(from("namespaces: [a]")),
    says: "namespaces matches nobody: mTLS is off for these workloads",
  },
  {
    code: "SYM1019",
    name: "a star at both ends",
    wrong: rules(to("paths: ['*/admin/*']")),
    fixed: rules(to("paths: ['/admin/*']")),
    says: '"*/admin/*" matches texts that end with "/admin/*": a star in it is an ordinary character',
  },
  {
    code: "SYM1020",
    name: "an ALLOW policy that matches nothing",
    wrong: authz("{}"),
    fixed: rules("{}"),
    says: "what no other ALLOW policy allows is denied",
  },
  {
    code: "SYM1021",
    name: "a method in lower case",
    wrong: rules(to("methods: [get]")),
    fixed: rules(to("methods: [GET]")),
    says: 'no request has the method "get": methods are compared with their case',
  },
  {
    code: "SYM1021",
    name: "a gRPC method",
    wrong: rules(to("methods: [/pkg.Service/Get]")),
    fixed: rules(to("paths: [/pkg.Service/Get]")),
    says: "a gRPC method is the path of a POST",
  },
  {
    code: "SYM1022",
    name: "STRICT for a workload of a DISABLE namespace",
    wrong:
      peer("DISABLE") +
      object("PeerAuthentication", "foo/w", "{selector: {matchLabels: {app: x}}, mtls: {mode: STRICT}}"),
    fixed:
      peer("PERMISSIVE") +
      object("PeerAuthentication", "foo/w", "{selector: {matchLabels: {app: x}}, mtls: {mode: STRICT}}"),
    says: "spec.mtls.mode: these workloads require mTLS, and the namespace's mode is DISABLE",
  },
  {
    code: "SYM1023",
    name: "a provider that is not configured",
    wrong: authz("{action: CUSTOM, provider: {name: opa2}, rules: [{}]}"),
    fixed: authz("{action: CUSTOM, provider: {name: opa}, rules: [{}]}"),
    says: 'Referenced extension provider not found: "opa2"; what this policy matches is denied (the mesh configuration has opa)',
    meshConfig:
      "{extensionProviders: [{name: opa, envoyExtAuthzGrpc: {service: opa.opa.svc.cluster.local, port: 9191}}]}",
  },
  {
    code: "SYM1024",
    name: "plaintext to a STRICT server",
    wrong:
      peer("STRICT") +
      pod("web") +
      service("web", "{port: 80}") +
      object("DestinationRule", "foo/r", "{host: web, trafficPolicy: {tls: {mode: DISABLE}}}"),
    fixed:
      peer("STRICT") + pod("web") + service("web", "{port: 80}") + object("DestinationRule", "foo/r", "{host: web}"),
    says: "this rule connects to port 80 of foo/web in plaintext, and the server requires mTLS: it refuses",
  },
  {
    code: "SYM1025",
    name: "istiod that fetches keys from anywhere",
    wrong: TOKENS_REQUIRED + istiod("[]"),
    fixed: TOKENS_REQUIRED + istiod("[{name: BLOCKED_CIDRS_IN_JWKS_URIS, value: 10.0.0.0/8}]"),
    says: "BLOCKED_CIDRS_IN_JWKS_URIS is not configured but 1 RequestAuthentication resource(s) exist (foo/jwt)",
  },
  {
    code: "SYM0404",
    name: "two PeerAuthentications of a namespace",
    wrong: peer("STRICT", "foo/a/01") + peer("PERMISSIVE", "foo/b/02"),
    fixed: peer("STRICT", "foo/a/01"),
    says: 'Ignore "b" which was created',
  },
  {
    code: "SYM0407",
    name: "two PeerAuthentications for one selector",
    wrong:
      object("PeerAuthentication", "foo/a/01", "{selector: {matchLabels: {app: x}}, mtls: {mode: STRICT}}") +
      object("PeerAuthentication", "foo/b/02", "{selector: {matchLabels: {app: x}}}"),
    fixed: object("PeerAuthentication", "foo/a/01", "{selector: {matchLabels: {app: x}}, mtls: {mode: STRICT}}"),
    says: "already selects app=x and is older",
  },
  {
    code: "SYM0405",
    name: "two PeerAuthentications of the whole mesh",
    wrong: peer("STRICT", "istio-system/a/01") + peer("PERMISSIVE", "istio-system/b/02"),
    fixed: peer("STRICT", "istio-system/a/01"),
    says: "istio-system/b (PERMISSIVE) and istio-system/a (STRICT",
  },
  {
    code: "SYM0406",
    name: "a PeerAuthentication with selector in the root namespace",
    wrong: object("PeerAuthentication", "istio-system/p", "{selector: {matchLabels: {app: x}}, mtls: {mode: STRICT}}"),
    fixed: object("PeerAuthentication", "foo/p", "{selector: {matchLabels: {app: x}}, mtls: {mode: STRICT}}"),
    says: "spec.selector",
  },
  {
    code: "SYM1026",
    name: "a principal that no workload has",
    wrong: pod("web") + rules(from("principals: [cluster.local/ns/foo/sa/wep]")),
    fixed: pod("web") + rules(from("principals: [cluster.local/ns/foo/sa/web]")),
    says: 'namespace foo has no service account "wep", and no workload runs as it; did you mean "web"?',
  },
  {
    code: "SYM1026",
    name: "an account that is not declared",
    wrong: pod("web") + rules(from("serviceAccounts: [batch]")),
    fixed:
      pod("web") +
      rules(from("serviceAccounts: [batch, default, elsewhere/any]")) +
      "apiVersion: v1\nkind: ServiceAccount\nmetadata: {namespace: foo, name: batch}\n---\n",
    says: 'no service account "batch"',
  },
  {
    code: "SYM1027",
    name: "a trust domain of nobody here",
    wrong: rules(from("principals: [clutser.local/ns/a/sa/b]")),
    fixed: rules(from("principals: [cluster.local/ns/a/sa/b, old/ns/a/sa/b, '*/ns/a/sa/b']")),
    says: 'trust domain "clutser.local" is none of this mesh\'s (prod, old-*, old, cluster.local); did you mean "cluster.local"?',
    meshConfig: "{trustDomain: prod, trustDomainAliases: ['old-*', old, cluster.local]}",
  },
  {
    code: "SYM1028",
    name: "a star where plaintext is accepted",
    wrong: rules(from('principals: ["*"]')),
    fixed: rules("{}"),
    says: '"*" in principals is every caller with an identity: who connects without mTLS is not matched (these workloads accept plaintext)',
  },
  {
    code: "SYM1028",
    name: "the same where an identity is required",
    wrong: rules("{when: [{key: source.namespace, values: ['*']}]}"),
    fixed: peer("STRICT") + rules("{when: [{key: source.namespace, values: ['*']}]}"),
    says: '"*" in when source.namespace values',
  },
  {
    code: "SYM1029",
    name: "a DENY by one of a Service's names",
    wrong:
      pod("web") + service("web", "{port: 80}") + rules(to("hosts: [web.foo, 'web.foo:*'], ports: ['80']"), "DENY"),
    fixed: pod("web") + service("web", "{port: 80}") + rules(to("hosts: ['web*'], ports: ['80']"), "DENY"),
    says: 'a client may write the same Service as "web", "web.foo.svc", "web.foo.svc.cluster.local", which gets past this rule',
  },
  {
    code: "SYM1033",
    name: "a Service's name misspelt",
    wrong: pod("web") + service("web", "{port: 80}") + rules(to("hosts: ['web*', 'wbe.foo.svc:80']")),
    fixed: pod("web") + service("web", "{port: 80}") + rules(to("hosts: ['web*', 'web.foo.svc:80']")),
    says: 'no Service "wbe" is in namespace foo',
  },
  {
    code: "SYM1030",
    name: "a port that nobody listens on",
    wrong:
      pod("web", "[{containerPort: 8080}]") +
      object(
        "PeerAuthentication",
        "foo/p",
        "{selector: {matchLabels: {app: web}}, portLevelMtls: {'9090': {mode: DISABLE}}}",
      ),
    fixed:
      pod("web", "[{containerPort: 8080}]") +
      object(
        "PeerAuthentication",
        "foo/p",
        "{selector: {matchLabels: {app: web}}, portLevelMtls: {'8080': {mode: DISABLE}}}",
      ),
    says: "spec.portLevelMtls.9090: no workload of this policy declares port 9090, and no Service leads to it: they have 8080",
  },
  {
    code: "SYM1031",
    name: "a DENY by path where slashes are not merged",
    wrong: rules(to("paths: [/admin], ports: ['80']"), "DENY"),
    fixed: rules(to("paths: [/admin], ports: ['80']"), "DENY"),
    says: '"//admin" gets past this rule, and most servers take it for "/admin": the mesh\'s normalization is BASE',
    fixedMeshConfig: "{pathNormalization: {normalization: MERGE_SLASHES}}",
  },
  {
    code: "SYM1031",
    name: "the other fix of it",
    wrong: rules(to("notPaths: [/admin]")),
    fixed: rules(to("paths: [/public]")),
    says: "spec.rules[0].to[0].operation.notPaths[0]",
  },
  {
    code: "SYM1032",
    name: "a selector on a Kubernetes Gateway",
    wrong: gateway + authz("{selector: {matchLabels: {app: edge}}, rules: [{}]}"),
    fixed:
      gateway + authz("{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}], rules: [{}]}"),
    says: "Ineffective selector on Kubernetes Gateway edge. Use the TargetRef field instead.",
  },
];

function istiod(env: string): string {
  return `apiVersion: apps/v1\nkind: Deployment\nmetadata: {namespace: istio-system, name: istiod, labels: {app: istiod}}\nspec: {template: {metadata: {labels: {app: istiod, sidecar.istio.io/inject: "false"}}, spec: {containers: [{name: discovery, env: ${env}}]}}}\n---\n`;
}

function findingsOf(text: string, meshConfig?: string) {
  const { documents, findings } = parseYamlDocuments(text, "f.yaml");
  assert.deepEqual(findings.map(formatFinding), [], text);
  const [config] = parseYamlDocuments(meshConfig ?? "{}", "mesh.yaml").documents;
  assert.ok(config);
  return analyzeDocuments(documents, { meshConfig: requireParsed(parseMeshConfig(config)) });
}

describe("analyze", () => {
  for (const { code, name, wrong, fixed, says, meshConfig, fixedMeshConfig } of FIXTURES)
    test(`${code}: ${name}`, () => {
      const before = findingsOf(wrong, meshConfig);
      const own = before.filter((finding) => finding.code === code);
      assert.ok(own.length > 0, before.map(formatFinding).join("\n"));
      const [finding] = own;
      assert.ok(`${finding?.path}: ${finding?.message}`.includes(says), `${finding?.path}: ${finding?.message}`);
      assert.notEqual(finding?.fix, "");
      // A caret below `apiVersion` helps nobody who is told of a field.
      if (finding?.path !== "") assert.notDeepEqual(finding?.position, finding?.object.position);
      // Besides its own a fixture may have notes, and the fix adds none.
      const notes = before.filter((other) => other.code !== code);
      assert.ok(
        notes.every(({ severity }) => severity === "info"),
        notes.map(formatFinding).join("\n"),
      );
      const known = new Set(notes.map((note) => note.code));
      const after = findingsOf(fixed, fixedMeshConfig ?? meshConfig).filter((other) => !known.has(other.code));
      assert.deepEqual(after.map(formatFinding), []);
    });

  test("what is wrong between objects stands where it is written in the later one", () => {
    const twice = findingsOf(
      peer("STRICT", "istio-system/a/01") + peer("STRICT", "istio-system/b/02") + rules("{}").repeat(2),
    );
    const places = twice.map(({ code, position: { line, column } }) => `${code} ${line}:${column}`);
    assert.ok(places.includes("SYM0405 8:43"), places.join());
    assert.ok(places.includes("SYM0211 18:34"), places.join());
  });

  test("hosts that others may have are not missed", () => {
    const hosts = [
      "wbe.foo",
      "wbe.other.svc",
      "wbe.foo.svc.example.com",
      "*.foo.svc",
      "a.wbe.foo.svc",
      "web.foo.svc:*",
    ];
    for (const host of hosts) {
      const found = findingsOf(pod("web") + service("web", "{port: 80}") + rules(to(`hosts: ['${host}']`)));
      assert.ok(!found.some(({ code }) => code === "SYM1033"), host);
    }
  });

  test("every code has a fixture", () => {
    const covered = new Set(FIXTURES.map(({ code }) => code));
    assert.deepEqual(
      Object.keys(ANALYSIS_CODES).filter((code) => !covered.has(code)),
      [],
    );
  });
});
