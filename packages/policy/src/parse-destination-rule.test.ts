import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { clientTlsOf, type DestinationRule } from "./destination-rule.ts";
import { formatFinding } from "./document/index.ts";
import { parseEnvelope } from "./object-envelope.ts";
import { parseDestinationRule } from "./parse-destination-rule.ts";
import { parseYamlDocuments } from "./yaml/index.ts";

const HEAD = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: r, namespace: foo}\n";

function parse(text: string) {
  const [node] = parseYamlDocuments(text, "f.yaml").documents;
  assert.ok(node, text);
  const envelope = parseEnvelope(node);
  assert.ok(envelope.kind === "parsed");
  return parseDestinationRule(envelope.value);
}

function accepted(spec: string): { readonly rule: DestinationRule; readonly findings: readonly string[] } {
  const result = parse(`${HEAD}spec: ${spec}\n`);
  assert.ok(result.kind === "parsed", result.findings.map(formatFinding).join("\n"));
  return { rule: result.value, findings: result.findings.map(({ code }) => code) };
}

function refused(spec: string): string {
  const result = parse(`${HEAD}spec: ${spec}\n`);
  assert.equal(result.kind, "refused", spec);
  return result.findings.map((finding) => formatFinding(finding).replace(/^\S+ /, "")).join("\n");
}

const tls = (text: string) => `{host: a, trafficPolicy: {tls: {${text}}}}`;

describe("DestinationRule", () => {
  test("reads the TLS of rule, ports and subsets, and the narrowest counts", () => {
    const { rule, findings } = accepted(`
  host: reviews
  exportTo: ["."]
  workloadSelector: {matchLabels: {app: web}}
  trafficPolicy:
    loadBalancer: {simple: RANDOM}
    tls: {mode: ISTIO_MUTUAL, subjectAltNames: [spiffe://td/ns/a/sa/b], sni: x}
    portLevelSettings:
    - {port: {number: 80}, tls: {mode: DISABLE}}
    - {port: {number: 81}}
  subsets:
  - {name: v1, labels: {version: v1}}
  - name: v2
    trafficPolicy: {tls: {mode: SIMPLE}, portLevelSettings: [{port: {number: 80}, tls: {mode: ISTIO_MUTUAL}}]}`);
    assert.deepEqual(findings, []);
    const mode = (servicePort: number, subset?: string) =>
      clientTlsOf(rule, subset === undefined ? { servicePort } : { servicePort, subset })?.mode;
    assert.equal(mode(8080), "istio-mutual");
    assert.equal(mode(80), "disable");
    // "Port-level settings replace, they do not merge."
    assert.equal(mode(81), undefined);
    assert.equal(mode(80, "v1"), "disable");
    assert.equal(mode(8080, "v2"), "simple");
    assert.equal(mode(80, "v2"), "istio-mutual");
    assert.deepEqual(rule.traffic.tls?.subjectAltNames, ["spiffe://td/ns/a/sa/b"]);
    assert.deepEqual(rule.workloadSelector?.matchLabels, { app: "web" });
  });

  test("is served in three versions", () => {
    for (const version of ["v1beta1", "v1alpha3"])
      assert.equal(parse(`${HEAD.replace("io/v1", `io/${version}`)}spec: {host: a}\n`).kind, "parsed", version);
    assert.equal(parse(`${HEAD.replace("io/v1", "io/v2")}spec: {host: a}\n`).kind, "refused");
    assert.equal(parse(HEAD).kind, "refused");
  });

  test("MUTUAL needs certificate and key, or a credential, and not both", () => {
    accepted(tls("mode: MUTUAL, clientCertificate: c, privateKey: k"));
    accepted(tls("mode: MUTUAL, credentialName: cred"));
    assert.match(refused(tls("mode: MUTUAL, privateKey: k")), /SYM0704 .*: client certificate required for mutual tls/);
    assert.match(refused(tls("mode: MUTUAL, clientCertificate: c")), /SYM0704 .*: private key required for mutual tls/);
    for (const field of ["clientCertificate", "privateKey", "caCertificates", "caCrl"])
      assert.match(refused(tls(`mode: SIMPLE, credentialName: cred, ${field}: f`)), new RegExp(`SYM0705 .*${field}`));
  });

  test("ISTIO_MUTUAL with files is accepted with a warning: they are ignored", () => {
    assert.deepEqual(accepted(tls("mode: ISTIO_MUTUAL, caCertificates: f")).findings, ["SYM0710"]);
  });

  test("a configmap reference stays in the rule's namespace", () => {
    accepted(tls("mode: SIMPLE, credentialName: configmap://foo/ca"));
    accepted(tls("mode: SIMPLE, credentialName: configmap://ca"));
    assert.match(refused(tls("mode: SIMPLE, credentialName: configmap://bar/ca")), /SYM0707/);
  });

  test("refuses what cannot be read, and never takes a mode without value for DISABLE", () => {
    for (const [spec, wanted] of [
      [tls("mode: Strict"), /SYM0105 spec\.trafficPolicy\.tls\.mode/],
      [tls("mode: null"), /SYM0110 spec\.trafficPolicy\.tls\.mode/],
      [tls("mode: SIMPLE, insecureSkipVerify: yes"), /SYM0102|SYM0008/],
      [tls("modes: SIMPLE"), /SYM0101 .*did you mean "mode"/],
      ["{host: a, trafficPolicy: {portLevelSettings: [{tls: {}}]}}", /SYM0103 .*port/],
      ["{host: a, trafficPolicy: {portLevelSettings: [{port: {number: 0}}]}}", /SYM0709/],
      ["{host: a, trafficPolicy: {portLevelSettings: [{port: {number: 1}}, {port: {number: 1}}]}}", /SYM0709/],
    ] as const)
      assert.match(refused(spec), wanted, spec);
  });
});
