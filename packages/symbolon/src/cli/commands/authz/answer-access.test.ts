import { describe, expect, test } from "bun:test";
import { formatFinding } from "@symbolon/policy";
import { readPolicySet } from "../../policy-set/policy-set.ts";
import type { AccessQuestion } from "./access-question.ts";
import { answerAccess } from "./answer-access.ts";

const WORKLOADS = `
apiVersion: v1
kind: Namespace
metadata: {name: bar, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: httpbin, namespace: bar}
spec:
  selector: {matchLabels: {app: httpbin}}
  template:
    metadata: {labels: {app: httpbin}}
    spec:
      containers: [{name: httpbin, image: some/image, ports: [{containerPort: 8000}]}]
---
`;
const policy = (name: string, spec: string) =>
  `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: ${name}, namespace: bar}\nspec: ${spec}\n---\n`;
const ALLOW_GET = policy(
  "allow-get",
  "{selector: {matchLabels: {app: httpbin}}, rules: [{from: [{source: {principals: [cluster.local/ns/foo/sa/curl]}}], to: [{operation: {methods: [GET], paths: [/headers]}}]}]}",
);

const NOTE = "no workload is named foo/curl; it is taken as the name of a service account";
const NOTE_BAR = NOTE.replace("foo", "bar");

interface Asked extends Partial<Omit<AccessQuestion, "request" | "from">> {
  readonly from?: string;
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function ask(manifests: string, { from = "foo/curl", method, path, host, headers = {}, ...rest }: Asked = {}) {
  const set = readPolicySet([{ file: "f.yaml", text: WORKLOADS + manifests }], "default");
  expect(set.findings.filter(({ severity }) => severity === "error").map(formatFinding)).toEqual([]);
  const [namespace = "", name = ""] = from.split("/");
  const lines = new Map(Object.entries(headers).map(([header, value]) => [header, [value]]));
  return answerAccess(
    {
      ...(from === "" ? {} : { from: { as: "workload", workload: { namespace, name } } }),
      plaintext: false,
      to: { namespace: "bar", name: "httpbin" },
      ...(method ? { request: { method, path: path ?? "/headers", host: host ?? "httpbin", headers: lines } } : {}),
      isHostGiven: host !== undefined,
      ...rest,
    },
    { set, origin: "files", trustDomain: "cluster.local", trustDomainAliases: [], rootNamespace: "istio-system" },
    new Date("2026-06-01T00:00:00Z"),
  );
}

describe("authz can", () => {
  test("without policies everything is let in", () => {
    expect(ask("", { method: "GET" })).toMatchObject({
      outcome: "allow",
      reason: "no_allow_policy",
      seen: { port: 8000 },
    });
  });

  test("names the policy and the rule that let a request in", () => {
    expect(ask(ALLOW_GET, { method: "GET" })).toMatchObject({
      outcome: "allow",
      reason: "allow_rule_matched",
      policy: { namespace: "bar", name: "allow-get", file: "f.yaml" },
      rule: 0,
    });
  });

  test("another method, path, caller or no identity is refused: no rule matched", () => {
    for (const asked of [
      { method: "POST" },
      { method: "GET", path: "/headers/" },
      { method: "GET", from: "foo/other" },
      { method: "GET", from: "" },
      {},
    ])
      expect(ask(ALLOW_GET, asked)).toMatchObject({ outcome: "deny", reason: "no_allow_rule_matched" });
  });

  test("DENY wins, and policies of other workloads and namespaces do not count", () => {
    const deny = policy("deny", "{action: DENY, rules: [{to: [{operation: {methods: [GET], ports: ['8000']}}]}]}");
    expect(ask(ALLOW_GET + deny, { method: "GET" })).toMatchObject({ outcome: "deny", reason: "deny_rule_matched" });
    const other = policy("other", "{selector: {matchLabels: {app: web}}}");
    const elsewhere = policy("elsewhere", "{}").replace("namespace: bar", "namespace: foo");
    expect(ask(other + elsewhere, { method: "GET" }).outcome).toBe("allow");
    const root = policy("root", "{}").replace("namespace: bar", "namespace: istio-system");
    expect(ask(root, { method: "GET" })).toMatchObject({ outcome: "deny", reason: "no_allow_rule_matched" });
  });

  test("a STRICT port refuses plaintext, a DISABLE port knows no identities", () => {
    const mtls = (mode: string) =>
      `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: bar}\nspec: {mtls: {mode: ${mode}}}\n---\n`;
    expect(ask(mtls("STRICT"), { method: "GET", from: "" })).toMatchObject({
      outcome: "deny",
      reason: "mtls_required",
      policy: { name: "default" },
    });
    expect(ask(mtls("STRICT"), { method: "GET" }).outcome).toBe("allow");
    expect(ask(mtls("DISABLE") + ALLOW_GET, { method: "GET" }).outcome).toBe("deny");
  });

  test("says what it would have to know", () => {
    const byIp = policy("ip", "{rules: [{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}]}");
    expect(ask(byIp, { method: "GET" })).toMatchObject({ outcome: "unknown", reason: "fact_missing" });
    expect(ask(byIp, { method: "GET", sourceAddress: "10.1.2.3" }).outcome).toBe("allow");
    expect(ask(byIp, { method: "GET", sourceAddress: "11.1.2.3" }).outcome).toBe("deny");
    const byHost = policy("host", "{rules: [{to: [{operation: {hosts: [a.com]}}]}]}");
    expect(ask(byHost, { method: "GET" })).toMatchObject({ outcome: "unknown", reason: "fact_missing" });
    expect(ask(byHost, { method: "GET", host: "a.com" }).outcome).toBe("allow");
    const custom = policy("ext", "{action: CUSTOM, provider: {name: ext}, rules: [{}]}");
    expect(ask(custom, { method: "GET" })).toMatchObject({ outcome: "unknown", reason: "provider_decides", rule: 0 });
  });

  test("a CUSTOM policy sees the token's header, which DENY and ALLOW no longer do", () => {
    const tokens = `apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: t, namespace: bar}\nspec: {jwtRules: [{issuer: i, jwksUri: "https://i/jwks"}]}\n---\n`;
    const rules =
      '[{from: [{source: {ipBlocks: [10.0.0.1]}}], when: [{key: "request.headers[authorization]", values: ["*"]}]}]';
    const token = ["{}", '{"iss":"i","sub":"s"}', "s"].map((part) => Buffer.from(part).toString("base64url"));
    token[0] = Buffer.from('{"alg":"RS256"}').toString("base64url");
    const asked = { method: "GET", token: token.join(".") };
    const custom = tokens + policy("custom", `{action: CUSTOM, provider: {name: opa}, rules: ${rules}}`);
    // Without the caller's address nobody knows whether the provider is asked.
    expect(ask(custom, asked)).toMatchObject({ outcome: "unknown", reason: "fact_missing" });
    expect(ask(custom, { ...asked, sourceAddress: "10.0.0.1" })).toMatchObject({ reason: "provider_decides" });
    expect(ask(custom, { ...asked, sourceAddress: "10.0.0.2" })).toMatchObject({ outcome: "allow" });
    const deny = tokens + policy("deny", `{action: DENY, rules: ${rules}}`);
    expect(ask(deny, { ...asked, sourceAddress: "10.0.0.1" })).toMatchObject({ outcome: "allow" });
  });

  test("headers count, and so does what is no token", () => {
    const header = policy("header", '{rules: [{when: [{key: "request.headers[X-Token]", values: [a]}]}]}');
    expect(ask(header, { method: "GET", headers: { "x-token": "a" } }).outcome).toBe("allow");
    expect(ask(header, { method: "GET", headers: { "x-token": "b" } }).outcome).toBe("deny");
    const tokens = `apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: t, namespace: bar}\nspec: {jwtRules: [{issuer: i, jwksUri: "https://i/jwks"}]}\n---\n`;
    const needed = policy("token", '{rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}');
    expect(ask(tokens + needed, { method: "GET" })).toMatchObject({ outcome: "deny", reason: "no_allow_rule_matched" });
    expect(ask(tokens + needed, { method: "GET", headers: { authorization: "Bearer x" } })).toMatchObject({
      outcome: "deny",
      reason: "token_bad_format",
      policy: { kind: "RequestAuthentication", name: "t" },
      rule: 0,
    });
  });

  test("a workload that is not there, has no sidecar, or several ports that differ", () => {
    expect(ask("", { method: "GET", to: { namespace: "bar", name: "other" } })).toMatchObject({
      outcome: "unknown",
      reason: "workload_not_found",
    });
    const pod = (name: string, rest: string) =>
      `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: bar${rest}}\nspec: {containers: [{name: c, image: i, ports: [{containerPort: 80}, {containerPort: 81}]}]}\n---\n`;
    const bare = pod("bare", ", labels: {sidecar.istio.io/inject: 'false'}");
    const to = (name: string) => ({ method: "GET", to: { namespace: "bar", name } });
    expect(ask(bare + policy("none", "{}"), to("bare"))).toMatchObject({ outcome: "allow", reason: "no_sidecar" });
    const byPort = policy("port", "{rules: [{to: [{operation: {ports: ['80']}}]}]}");
    const two = pod("two", "");
    expect(ask(two + byPort, to("two"))).toMatchObject({ outcome: "unknown", reason: "port_unknown" });
    expect(ask(two + byPort, { ...to("two"), port: 81 })).toMatchObject({ outcome: "deny", seen: { port: 81 } });
    expect(ask(two, to("two"))).toMatchObject({ outcome: "allow" });
  });

  test("the port of a Service is the one it leads to, and its protocol decides what is seen", () => {
    const service = `apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: bar}\nspec: {selector: {app: httpbin}, ports: [{name: http, port: 80, targetPort: 8000}, {name: tcp, port: 9000}]}\n---\n`;
    const get = policy("get", "{rules: [{to: [{operation: {methods: [GET]}}]}]}");
    expect(ask(service + get, { method: "GET" })).toMatchObject({
      outcome: "allow",
      seen: { port: 8000 },
      notes: [NOTE],
    });
    const translated = ask(service + get, { method: "GET", port: 80 });
    expect(translated).toMatchObject({ outcome: "allow", seen: { port: 8000 } });
    expect(translated.notes).toContain(
      "80 is a port of Service s, which leads to the pod's port 8000; policies go by that one",
    );
    const tcp = ask(service + get, { method: "GET", port: 9000 });
    expect(tcp).toMatchObject({ outcome: "deny", seen: { protocol: "tcp" } });
    expect(tcp.notes).toContain("a Service declares port 9000 as TCP: policies see a connection, and no request");
    expect(ask(service + get)).toMatchObject({ outcome: "deny", seen: { port: 9000 } });
    expect(ask(service + get, { port: 8000 })).toMatchObject({ outcome: "unknown", reason: "request_missing" });
    expect(ask(service, { port: 8000 })).toMatchObject({ outcome: "allow" });
    expect(ask(service + get, { method: "GET", port: 81 }).notes.at(-1)).toBe(
      "no container and no Service names port 81 of bar/httpbin; known are 8000, 9000",
    );
  });

  test("a caller is a workload with its service account, plaintext without sidecar, or a name of an account", () => {
    const caller = (more: string) =>
      `apiVersion: v1\nkind: Pod\nmetadata: {name: caller, namespace: bar${more}}\nspec: {serviceAccountName: curl, containers: [{name: c, image: i}]}\n---\n`;
    const only = policy("only", "{rules: [{from: [{source: {serviceAccounts: [curl]}}]}]}");
    expect(ask(only + caller(""), { method: "GET", from: "bar/caller" })).toMatchObject({
      outcome: "allow",
      seen: { caller: "Pod bar/caller", spiffeId: "spiffe://cluster.local/ns/bar/sa/curl" },
      notes: [],
    });
    const bare = ask(only + caller(", labels: {sidecar.istio.io/inject: 'false'}"), {
      method: "GET",
      from: "bar/caller",
    });
    expect(bare.outcome).toBe("deny");
    expect(bare.seen?.spiffeId).toBeUndefined();
    expect(ask(only, { method: "GET", from: "bar/curl" })).toMatchObject({ outcome: "allow", notes: [NOTE_BAR] });
  });

  test("names the single changes that would open a STRICT port, and no change that would not", () => {
    const strict = `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: bar}\nspec: {mtls: {mode: STRICT}}\n---\n`;
    const changes = (manifests: string) =>
      ask(manifests, { method: "GET", plaintext: true }).changes?.map(({ text }) => text.replace(/ \([^)]*\)/, ""));
    const mode =
      "mode PERMISSIVE instead of STRICT in PeerAuthentication bar/default; opens the port to every caller without identity that no policy refuses";
    expect(changes(strict)).toEqual(["mutual TLS instead of plaintext", mode]);
    expect(changes(strict + ALLOW_GET)).toEqual(["mutual TLS instead of plaintext"]);
    expect(changes(strict + policy("nothing", "{}"))).toEqual([]);
  });

  test("a dry run is told and changes nothing; an AUDIT policy is told", () => {
    const dry = policy("dry", "{action: DENY, rules: [{}]}").replace(
      "namespace: bar}",
      'namespace: bar, annotations: {istio.io/dry-run: "true"}}',
    );
    expect(ask(dry, { method: "GET" })).toMatchObject({
      outcome: "allow",
      notes: [NOTE, "policies of action DENY in a dry run: denied"],
    });
    const audit = policy("audit", "{action: AUDIT, rules: [{}]}");
    expect(ask(audit, { method: "GET" }).notes).toContain(
      "an AUDIT policy matches: the access record is marked (authorization.audit)",
    );
  });

  test("a CUSTOM policy: a refusal after it stands whatever the provider says; one without provider denies", () => {
    const custom = policy("ext", "{action: CUSTOM, provider: {name: ext}, rules: [{}]}");
    expect(ask(custom + policy("nothing", "{}"), { method: "GET" })).toMatchObject({
      outcome: "deny",
      reason: "no_allow_rule_matched",
    });
    const config =
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: ''}\n---\n";
    expect(ask(config + custom, { method: "GET" })).toMatchObject({
      outcome: "deny",
      reason: "provider_missing",
      policy: { name: "ext" },
    });
  });

  test("a manifest with an error is an error of the set", () => {
    const set = readPolicySet([{ file: "f.yaml", text: policy("p", "{rules: [{from: []}]}") }], "default");
    expect(set.findings.map(({ code }) => code)).toEqual(["SYM0505"]);
    expect(set.authorizationPolicies).toEqual([]);
  });
});
