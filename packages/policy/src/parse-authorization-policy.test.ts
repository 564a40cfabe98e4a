import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AuthorizationPolicy } from "./authorization-policy.ts";
import { formatFinding } from "./document/index.ts";
import { parseEnvelope } from "./object-envelope.ts";
import { parseAuthorizationPolicy } from "./parse-authorization-policy.ts";
import { parseYamlDocuments } from "./yaml/index.ts";

const head = (annotations = "") =>
  `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: foo${annotations}}\n`;

function parse(text: string) {
  const { documents, findings } = parseYamlDocuments(text, "f.yaml");
  const [node] = documents;
  assert.ok(node, findings.map(formatFinding).join("\n"));
  const envelope = parseEnvelope(node);
  assert.ok(envelope.kind === "parsed", envelope.findings.map(formatFinding).join("\n"));
  return parseAuthorizationPolicy(envelope.value);
}

function accepted(text: string): { readonly policy: AuthorizationPolicy; readonly findings: readonly string[] } {
  const result = parse(text);
  assert.ok(result.kind === "parsed", result.findings.map(formatFinding).join("\n"));
  return { policy: result.value, findings: result.findings.map(formatFinding) };
}

function refused(text: string): string {
  const result = parse(text);
  assert.equal(result.kind, "refused", text);
  return result.findings.map((finding) => formatFinding(finding).replace(/^\S+ /, "")).join("\n");
}

const spec = (text: string) => `${head()}spec: ${text}\n`;
const source = (text: string) => spec(`{rules: [{from: [{source: {${text}}}]}]}`);
const operation = (text: string) => spec(`{rules: [{to: [{operation: {${text}}}]}]}`);
const condition = (text: string) => spec(`{rules: [{when: [{${text}}]}]}`);

describe("AuthorizationPolicy", () => {
  test("reads every field with its place", () => {
    const { policy, findings } = accepted(`${head()}spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules:
  - from:
    - source:
        principals: [cluster.local/ns/a/sa/b, "*/sa/c"]
        notRequestPrincipals: ["iss/*"]
        ipBlocks: [10.0.0.0/8, "::1"]
    - source: {serviceAccounts: [a/b, c], trustDomains: ["*.local"]}
    to:
    - operation: {hosts: [a.com], ports: ["8080"], methods: [GET], notPaths: ["/a/{*}/b/{**}"]}
    when:
    - {key: "request.headers[X-Token]", values: [a], notValues: [b]}
`);
    assert.deepEqual(findings, []);
    assert.deepEqual([policy.action, policy.dryRun, policy.targetRefs], ["deny", false, []]);
    const rule = policy.rules[0];
    const values = rule?.from?.[0]?.principals?.values;
    assert.deepEqual(
      values?.map(({ value, position }) => [value, position.line, position.column]),
      [
        ["cluster.local/ns/a/sa/b", 10, 22],
        ["*/sa/c", 10, 47],
      ],
    );
    assert.deepEqual(Object.keys(rule?.from?.[0] ?? {}).sort(), [
      "ipBlocks",
      "notRequestPrincipals",
      "position",
      "principals",
    ]);
    assert.deepEqual(Object.keys(rule?.to?.[0] ?? {}).sort(), ["hosts", "methods", "notPaths", "ports", "position"]);
    assert.equal(rule?.when[0]?.key, "request.headers[X-Token]");
    assert.equal(rule?.when[0]?.notValues?.values[0]?.value, "b");
    assert.equal(rule?.position.line, 8);
  });

  test("no spec, an empty one and empty rules are an ALLOW that matches nothing", () => {
    for (const text of [head(), spec("{}"), spec("{rules: []}"), spec("{action: ALLOW}")]) {
      const { policy } = accepted(text);
      assert.deepEqual([policy.action, policy.rules], ["allow", []], text);
    }
    assert.equal(accepted(spec("{rules: [{}]}")).policy.rules.length, 1);
  });

  test("DENY and CUSTOM need a rule", () => {
    accepted(spec("{action: DENY, rules: [{}]}"));
    accepted(spec("{action: AUDIT}"));
    for (const text of ["{action: DENY}", "{action: DENY, rules: []}", "{action: CUSTOM, provider: {name: x}}"])
      assert.match(refused(spec(text)), /SYM0503 .* action without `rules` is meaningless/, text);
  });

  test("an unknown or unwritten action is no ALLOW", () => {
    assert.match(refused(spec("{action: Deny, rules: [{}]}")), /SYM0105 spec\.action/);
    assert.match(refused(spec("{action: null, rules: [{}]}")), /SYM0110 spec\.action/);
    assert.match(refused(spec("")), /SYM0110 spec: `spec` has no value/);
    assert.match(refused(spec("{aktion: DENY, rules: [{}]}")), /SYM0101 spec\.aktion/);
  });

  test("CUSTOM names a provider, and nothing else does", () => {
    assert.equal(accepted(spec("{action: CUSTOM, provider: {name: x}, rules: [{}]}")).policy.provider, "x");
    for (const text of ["provider: {}", 'provider: {name: ""}', "selector: {matchLabels: {a: b}}"])
      assert.match(refused(spec(`{action: CUSTOM, ${text}, rules: [{}]}`)), /SYM0502/, text);
    assert.match(refused(spec("{action: DENY, provider: {name: x}, rules: [{}]}")), /SYM0501 .* found DENY/);
  });

  test("CUSTOM knows no identities yet", () => {
    const custom = (rule: string) => spec(`{action: CUSTOM, provider: {name: x}, rules: [${rule}]}`);
    accepted(custom("{from: [{source: {ipBlocks: [1.2.3.4], notRemoteIpBlocks: [1.2.3.4]}}]}"));
    accepted(custom('{when: [{key: source.ip, values: [1.2.3.4]}, {key: "request.headers[a]", values: [b]}]}'));
    for (const field of ["principals", "namespaces", "serviceAccounts", "trustDomains", "requestPrincipals"])
      assert.match(
        refused(custom(`{from: [{source: {${field}: [a]}}]}`)),
        new RegExp(`SYM0515 .*\\.${field}: From\\.${field[0]?.toUpperCase()}`),
      );
    for (const key of [
      "source.namespace",
      "source.serviceAccount",
      "source.trustDomain",
      "source.principal",
      "request.auth.principal",
      '"request.auth.claims[a]"',
    ])
      assert.match(refused(custom(`{when: [{key: ${key}, values: [a]}]}`)), /SYM0515 .*\.key/, key);
  });

  test("a part of a rule that is there restricts something", () => {
    for (const [text, wanted] of [
      ["{rules: [null]}", /SYM0504 spec\.rules\[0\]: `rule` must not be nil/],
      ["{rules: [{}, {from: []}]}", /SYM0505 spec\.rules\[1\]\.from: `from` must not be empty, found at rule 1/],
      ["{rules: [{to: []}]}", /`to` must not be empty, found at rule 0/],
      ["{rules: [{when: []}]}", /`when` must not be empty, found at rule 0/],
      ["{rules: [{from: [{}]}]}", /`from\.source` must not be nil/],
      ["{rules: [{from: [{source: {}}]}]}", /`from\.source` must not be empty/],
      ["{rules: [{to: [{operation: {}}]}]}", /`to\.operation` must not be empty/],
      ["{rules: [{from: [{source: {principals: []}}]}]}", /`principals` must not be empty, found at rule 0/],
      ["{rules: [{from: [{source: {principals: , namespaces: [a]}}]}]}", /SYM0110 .*principals/],
      ["{rules: [{from: null}]}", /SYM0110 spec\.rules\[0\]\.from/],
      ["{selector: {matchLabels: }, rules: [{}]}", /SYM0110 spec\.selector\.matchLabels/],
    ] as const)
      assert.match(refused(spec(text)), wanted, text);
  });

  test("addresses", () => {
    accepted(source('ipBlocks: [1.2.3.4, 10.0.0.1/8, "2001:db8::/32", "::ffff:1.2.3.4"]'));
    for (const bad of ["a", "1.2.3", "1.2.3.4.5", "01.2.3.4", '"::g"', '"1.2.3.4:80"'])
      assert.match(refused(source(`notRemoteIpBlocks: [1.2.3.4, ${bad}]`)), /SYM0507 .*\[1\]: bad IP address/, bad);
    for (const bad of ["1.2.3.4/33", "1.2.3.4/", '"::/129"', "a/8"])
      assert.match(refused(source(`ipBlocks: [${bad}]`)), /SYM0507 .*bad CIDR range/, bad);
    assert.match(refused(source('ipBlocks: [""]')), /SYM0506 .*found in IpBlocks/);
  });

  test("ports are decimal text", () => {
    accepted(operation('ports: ["0", "65535"], notPorts: ["080"]'));
    for (const bad of ['"65536"', '"-1"', '"+1"', '"http"', '"1.0"', '"0x10"', '" 80"'])
      assert.match(refused(operation(`ports: [${bad}]`)), /SYM0508 .*bad port/, bad);
    assert.match(refused(operation("ports: [8080]")), /SYM0102 .*write "8080" in quotes/);
  });

  test("path templates", () => {
    accepted(operation('paths: ["/a/{*}/b/{**}", "{**}", "/{**}/c/", "/a*", "*", "//a", "/{*}/%41;x=1"]'));
    for (const [path, wanted] of [
      ["/{**}/{*}", "{**} is not the last operator"],
      ["/{**}/a/{**}", "{**} is not the last operator"],
      ["/a{*}", "Contains '{' or '}' beyond"],
      ["/{a}", "Contains '{' or '}' beyond"],
      ["/}", "Contains '{' or '}' beyond"],
      ["/{*}//a", 'Contains segment "" with invalid string literal'],
      ["/{*}/*", 'Contains segment "*" with invalid string literal'],
      ["/{*}/a b", 'Contains segment "a b" with invalid string literal'],
    ] as const) {
      const text = refused(operation(`notPaths: ["${path}"]`));
      assert.ok(text.includes("SYM0509") && text.includes(wanted), `${path}: ${text}`);
    }
  });

  test("service accounts", () => {
    accepted(source(`serviceAccounts: [a, b/c, ${"d".repeat(320)}]`));
    for (const [value, wanted] of [
      ["a/b/c", /SYM0510 .*expected format/],
      ["/a", /SYM0510 .*expected format/],
      ["a/", /SYM0510 .*expected format/],
      ['"a*"', /SYM0510 .*wildcard not allowed/],
      ["d".repeat(321), /SYM0510 .*value cannot exceed 320 characters/],
    ] as const)
      assert.match(refused(source(`notServiceAccounts: [${value}]`)), wanted, value);
    const many = Array.from({ length: 17 }, (_, index) => `s${index}`);
    accepted(source(`serviceAccounts: [${many.slice(1).join(", ")}]`));
    assert.match(
      refused(source(`serviceAccounts: [${many.join(", ")}]`)),
      /SYM0510 .*may not have more than 16 values/,
    );
    for (const field of ["principals", "notPrincipals", "namespaces", "notNamespaces"])
      assert.match(refused(source(`serviceAccounts: [a], ${field}: [b]`)), /SYM0512 .*found at rule 0/, field);
    accepted(source("serviceAccounts: [a], ipBlocks: [1.2.3.4], requestPrincipals: [a/b]"));
  });

  test("trust domains", () => {
    accepted(source('trustDomains: [td, "*.td", "td*", "*"]'));
    for (const [value, wanted] of [
      ['"*td*"', /SYM0511 .*at most one wildcard is allowed/],
      ["a*b", /SYM0511 .*wildcard is only allowed at the start or end/],
      ["td/ns", /SYM0511 .*trust domain must not contain '\/'/],
    ] as const)
      assert.match(refused(source(`trustDomains: [${value}]`)), wanted, value);
  });

  test("conditions", () => {
    accepted(condition('key: "request.auth.claims[a][b]", values: [x]'));
    accepted(condition("key: destination.port, notValues: ['80']"));
    for (const [text, wanted] of [
      ["values: [a]", /SYM0513 .*`key` must not be empty/],
      ['key: "", values: [a]', /SYM0513 .*`key` must not be empty/],
      ["key: source.ip", /SYM0514 .*at least one of `values` or `notValues` must be set for key source\.ip/],
      ["key: source.ip, values: []", /SYM0505/],
      ["key: source.ip, values: [a]", /SYM0507 .*invalid `value` for `key` source\.ip: bad IP address \(a\)/],
      ["key: remote.ip, notValues: [a]", /SYM0507 .*invalid `notValue` for `key` remote\.ip/],
      ["key: destination.ip, values: [a]", /SYM0507/],
      ["key: destination.port, values: [http]", /SYM0508/],
      ["key: source.serviceAccount, values: [a/b/c]", /SYM0510/],
      ["key: source.trustDomain, values: [a/b]", /SYM0511/],
      ["key: source.Ip, values: [a]", /SYM0513 .*unknown attribute: source\.Ip/],
      ["key: request.headers, values: [a]", /SYM0513 .*bad key \(request\.headers\): should have format a\[b\]/],
      ['key: "request.headers[]", values: [a]', /SYM0513 .*bad key/],
      ["key: destination.namespace, values: [a]", /SYM0513 .*is replaced by the metadata\.namespace/],
      ['key: "destination.labels[a]", values: [a]', /SYM0513 .*is replaced by the workload selector/],
      ["key: destination.user, values: [a]", /SYM0513 .*only supported in v1alpha1/],
    ] as const)
      assert.match(refused(condition(text)), wanted, text);
  });

  test("selector and target references exclude one another", () => {
    const gateway = "{group: gateway.networking.k8s.io, kind: Gateway, name: g}";
    const { policy } = accepted(spec(`{targetRefs: [${gateway}, {group: core, kind: Service, name: s}]}`));
    assert.deepEqual(
      policy.targetRefs.map(({ group, kind, name }) => [group, kind, name]),
      [
        ["gateway.networking.k8s.io", "Gateway", "g"],
        ["", "Service", "s"],
      ],
    );
    assert.equal(accepted(spec(`{targetRef: ${gateway}}`)).policy.targetRefs.length, 1);
    assert.match(refused(spec(`{selector: {matchLabels: {a: b}}, targetRefs: [${gateway}]}`)), /SYM0308/);
    assert.match(refused(spec(`{targetRef: ${gateway}, targetRefs: [${gateway}]}`)), /SYM0308/);
    assert.match(refused(spec("{targetRefs: [{kind: Service}]}")), /SYM0305/);
    assert.match(refused(spec("{targetRefs: [{kind: Service, name: s, namespace: n1}]}")), /SYM0306/);
    assert.match(refused(spec("{targetRefs: [{kind: Pod, name: s}]}")), /SYM0307 .*but was core\/Pod/);
    assert.match(refused(spec(`{targetRefs: [${`${gateway},`.repeat(17)}]}`)), /SYM0109/);
  });

  test("the dry-run annotation is a Go boolean on ALLOW or DENY", () => {
    const text = (value: string, rest = "{}") =>
      `${head(`, annotations: {istio.io/dry-run: "${value}"}`)}spec: ${rest}\n`;
    for (const value of ["1", "t", "TRUE", "True"]) assert.equal(accepted(text(value)).policy.dryRun, true, value);
    for (const value of ["0", "f", "FALSE", "False"]) assert.equal(accepted(text(value)).policy.dryRun, false, value);
    for (const value of ["", "yes", "tRUE", "2"]) assert.match(refused(text(value)), /SYM0516/, value);
    assert.equal(accepted(text("true", "{action: DENY, rules: [{}]}")).policy.dryRun, true);
    assert.match(refused(text("true", "{action: AUDIT}")), /SYM0517 .* found action AUDIT in foo\/p/);
  });

  test("a DENY rule of HTTP attributes without port is warned of", () => {
    const codes = (rule: string, action = "DENY") =>
      accepted(spec(`{action: ${action}, rules: [${rule}]}`)).findings.map((line) => line.split(" ")[2]);
    for (const rule of [
      "{to: [{operation: {methods: [GET]}}]}",
      "{to: [{operation: {methods: [GET], ports: ['80']}}, {operation: {paths: [/a]}}]}",
      "{from: [{source: {notRequestPrincipals: ['*']}}]}",
      '{when: [{key: "request.headers[a]", values: [b]}]}',
    ])
      assert.deepEqual(codes(rule), ["SYM0518"], rule);
    for (const rule of [
      "{to: [{operation: {methods: [GET], ports: ['80']}}]}",
      "{from: [{source: {principals: [a]}}]}",
      '{when: [{key: "request.headers[a]", values: [b]}, {key: destination.port, values: ["80"]}]}',
    ])
      assert.deepEqual(codes(rule), [], rule);
    assert.deepEqual(codes("{to: [{operation: {methods: [GET]}}]}", "ALLOW"), []);
  });

  test("one unreadable element refuses the whole object, and every mistake is reported", () => {
    const text = refused(
      spec(
        "{action: DENY, rules: [{from: [{source: {ipBlocks: [x], principal: [a]}}]}, {to: [{operation: {ports: [y]}}]}]}",
      ),
    );
    assert.match(text, /SYM0507/);
    assert.match(text, /SYM0101 .*principal: .*did you mean "principals"/);
    assert.match(text, /SYM0008|SYM0508/);
  });

  test("a policy is of one kind and of a version that is served", () => {
    accepted(head().replace("io/v1", "io/v1beta1"));
    assert.match(refused(head().replace("io/v1", "io/v1alpha1")), /SYM0202/);
    assert.match(refused(head().replace("AuthorizationPolicy", "PeerAuthentication")), /SYM0201/);
    assert.match(refused(head(", annotations: {internal.istio.io/parents: x}")), /SYM0208/);
  });
});
