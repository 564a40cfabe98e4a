import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatFinding } from "./document/index.ts";
import { parseMeshConfig } from "./parse-mesh-config.ts";
import { parseYamlDocuments } from "./yaml/index.ts";

function parse(text: string) {
  const [node] = parseYamlDocuments(text, "mesh.yaml").documents;
  assert.ok(node, text);
  return parseMeshConfig(node);
}

function accepted(text: string) {
  const result = parse(text);
  assert.ok(result.kind === "parsed", result.findings.map(formatFinding).join("\n"));
  return result.value;
}

function refused(text: string): string {
  const result = parse(text);
  assert.equal(result.kind, "refused", text);
  return result.findings.map((finding) => formatFinding(finding).replace(/^\S+ /, "")).join("\n");
}

const provider = (text: string) => `extensionProviders: [{name: p, ${text}}]`;

describe("MeshConfig", () => {
  test("has Istio's defaults", () => {
    assert.deepEqual(accepted("{}"), {
      rootNamespace: "istio-system",
      trustDomain: "cluster.local",
      trustDomainAliases: [],
      enableAutoMtls: true,
      pathNormalization: "base",
      authorizationProviders: [],
    });
  });

  test("reads what security uses and skips Istio's other keys", () => {
    const config = accepted(`
accessLogFile: /dev/stdout
rootNamespace: istio-config
trustDomain: td1
trustDomainAliases: [td2, "*-old", "new-*"]
enableAutoMtls: false
pathNormalization: {normalization: DECODE_AND_MERGE_SLASHES}
defaultConfig: {proxyMetadata: {A: b}}
`);
    assert.equal(config.rootNamespace, "istio-config");
    assert.deepEqual([config.trustDomain, ...config.trustDomainAliases], ["td1", "td2", "*-old", "new-*"]);
    assert.equal(config.pathNormalization, "decode-and-merge-slashes");
    assert.equal(config.enableAutoMtls, false);
  });

  test("refuses a key that is no key, with the nearest one", () => {
    assert.equal(
      refused("trustDomian: td1"),
      'error SYM0101 trustDomian: unknown field "trustDomian"; did you mean "trustDomain"?',
    );
  });

  test("refuses a key without value: the default may be another one than what was meant", () => {
    assert.match(refused("trustDomain:"), /SYM0110 trustDomain: `trustDomain` has no value/);
  });

  test("refuses what is no trust domain", () => {
    for (const bad of ["spiffe://td", "TD", "a/b", '""', "a b", '"*"'])
      assert.match(refused(`trustDomain: ${bad}`), /SYM0801 trustDomain/, bad);
    for (const bad of ['"*"', '"a*b"', '"*a*b"', "TD"])
      assert.match(refused(`trustDomainAliases: [ok, ${bad}]`), /SYM0801 trustDomainAliases\[1\]/, bad);
  });

  test("reads extension providers that authorize, with their defaults", () => {
    const { authorizationProviders } = accepted(`
extensionProviders:
- name: ext-http
  envoyExtAuthzHttp:
    service: foo/ext.foo.svc.cluster.local
    port: 8000
    timeout: 1.5s
    failOpen: true
    statusOnError: "503"
    pathPrefix: /check
    includeHeadersInCheck: [x-a]
    includeRequestHeadersInCheck: [x-b, "x-c*"]
    includeRequestBodyInCheck: {maxRequestBytes: 100, packAsBytes: true}
- name: ext-grpc
  envoyExtAuthzGrpc: {service: ext.foo.svc.cluster.local, port: 9000}
- name: tracer
  zipkin: {service: zipkin, port: 9411}
`);
    const [http, grpc] = authorizationProviders;
    assert.equal(authorizationProviders.length, 2);
    assert.ok(http && grpc);
    assert.deepEqual([http.kind, http.timeoutMs, http.failOpen, http.statusOnError], ["http", 1500, true, 503]);
    assert.deepEqual(http.http?.includeRequestHeadersInCheck, ["x-a", "x-b", "x-c*"]);
    assert.deepEqual(http.body, { maxRequestBytes: 100, allowPartialMessage: false, packAsBytes: true });
    assert.deepEqual(
      [grpc.kind, grpc.port, grpc.timeoutMs, grpc.failOpen, grpc.statusOnError, grpc.clearRouteCache],
      ["grpc", 9000, 600_000, false, 403, false],
    );
  });

  test("refuses extension providers that cannot be used", () => {
    const grpc = "envoyExtAuthzGrpc: {service: s, port: 1";
    for (const [text, wanted] of [
      ["extensionProviders: [{name: -a, zipkin: {}}]", /SYM0802/],
      [`extensionProviders: [{name: ${"a".repeat(64)}, zipkin: {}}]`, /SYM0802/],
      ["extensionProviders: [{name: a, zipkin: {}}, {name: a, zipkin: {}}]", /SYM0803 extensionProviders\[1\]\.name/],
      ["extensionProviders: [{name: a}]", /SYM0804 extensionProviders\[0\]: wanted one kind of provider in "a", got 0/],
      [provider(`${grpc}}, zipkin: {}`), /SYM0804 .* got 2/],
      [provider("envoyExtAuthzGrpc: {service: s}"), /SYM0103 .*port/],
      [provider("envoyExtAuthzGrpc: {service: s, port: 0}"), /SYM0106 .*port/],
      [provider(`${grpc}, timeout: 0s}`), /SYM0804 .*timeout/],
      [provider(`${grpc}, statusOnError: "600"}`), /SYM0804 .*statusOnError/],
      [provider(`${grpc}, pathPrefix: /a}`), /SYM0101 .*pathPrefix/],
      [provider("envoyExtAuthzHttp: {service: s, port: 1, pathPrefix: a}"), /SYM0804 .*pathPrefix/],
      [provider('envoyExtAuthzHttp: {service: s, port: 1, headersToUpstreamOnAllow: ["*"]}'), /SYM0804 .*OnAllow\[0\]/],
    ] as const)
      assert.match(refused(text), wanted, text);
  });
});
