import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatFinding, requireParsed } from "../index.ts";
import { parseEnvelope } from "../object-envelope.ts";
import { isMeshConfigMap, parseYamlDocuments, readMeshConfigMap } from "./index.ts";

const HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\n";

function envelope(text: string) {
  const { documents, findings } = parseYamlDocuments(text, "istio.yaml");
  const [node] = documents;
  assert.ok(node, findings.map(formatFinding).join("\n"));
  return requireParsed(parseEnvelope(node));
}

function accepted(body: string) {
  return requireParsed(readMeshConfigMap(envelope(HEAD + body)));
}

function refused(body: string): string {
  const result = readMeshConfigMap(envelope(HEAD + body));
  assert.equal(result.kind, "refused", body);
  return result.findings.map(formatFinding).join("\n");
}

describe("the ConfigMap of the mesh", () => {
  test("is v1 ConfigMap istio, whatever the namespace", () => {
    const is = (text: string) => isMeshConfigMap(envelope(text));
    assert.ok(is(HEAD));
    assert.ok(!is(HEAD.replace("name: istio,", "name: istio-ca,")));
    assert.ok(!is(HEAD.replace("ConfigMap", "Secret")));
    assert.ok(!is(HEAD.replace("v1", "example.org/v1")));
  });

  test("holds the MeshConfig as text in a block, folded, quoted, or as JSON", () => {
    for (const body of [
      "data:\n  mesh: |-\n    trustDomain: td1\n    enableTracing: true\n  meshNetworks: 'networks: {}'\n",
      "data:\n  mesh: >\n    {trustDomain: td1,\n    enableTracing: true}\n",
      'data: {mesh: "trustDomain: td1\\nenableTracing: true\\n"}\n',
      "data:\n  mesh: |\n\n    # of the mesh\n    trustDomain: td1\n",
      `data: {mesh: '{"trustDomain": "td1"}'}\n`,
    ])
      assert.equal(accepted(body).trustDomain, "td1", body);
  });

  test("without text or with comments only means Istio's defaults", () => {
    for (const body of ["data: {mesh: ''}\n", "data:\n  mesh: |\n    # nothing set\n"])
      assert.deepEqual(
        { ...accepted(body), authorizationProviders: 0 },
        {
          rootNamespace: "istio-system",
          trustDomain: "cluster.local",
          trustDomainAliases: [],
          enableAutoMtls: true,
          pathNormalization: "base",
          authorizationProviders: 0,
        },
      );
  });

  test("gives findings of a literal block with positions of the file", () => {
    const block = (indicator: string) =>
      `data:\n  mesh: ${indicator}\n    rootNamespace: istio-system\n\n    trustDomian: td1\n`;
    for (const indicator of ["|", "|-", "|+", "|  # of the mesh", "|2-"])
      assert.match(
        refused(block(indicator)),
        /^istio\.yaml:8:5: error SYM0101 data\.mesh\.trustDomian: unknown field "trustDomian"/,
        indicator,
      );
    assert.match(
      refused("data:\n  mesh: |\n    trustDomain: a\n    trustDomain: b\n"),
      /^istio\.yaml:7:5: error SYM0003 data\.mesh\.trustDomain: duplicate key "trustDomain": already at line 6/,
    );
    assert.match(refused("data:\n  mesh: |\n    a: [\n"), /^istio\.yaml:7:\d+: error SYM0001 data\.mesh/);
  });

  test("says where its providers are written", () => {
    const body =
      "data:\n  mesh: |\n    extensionProviders:\n    - name: ext\n      envoyExtAuthzGrpc: {service: s, port: 1}\n";
    assert.deepEqual(accepted(body).authorizationProviders[0]?.position, { file: "istio.yaml", line: 7, column: 7 });
  });

  test("gives findings of any other text with the position of the text", () => {
    assert.match(
      refused('data:\n  mesh: "\\n\\ntrustDomian: td1"\n'),
      /^istio\.yaml:5:9: error SYM0101 data\.mesh\.trust/,
    );
    assert.match(
      refused("data:\n  mesh: >-\n    {trustDomain: 1}\n"),
      /^istio\.yaml:5:9: error SYM0102 data\.mesh\.trust/,
    );
  });

  test("is refused without readable text, and with more than one document", () => {
    for (const [body, wanted] of [
      ["", /^istio\.yaml:1:1: error SYM0805 data: wanted the MeshConfig as text/],
      ["data: {}\n", /^istio\.yaml:4:7: error SYM0805 data: /],
      ["data: []\n", /SYM0805 data: /],
      ["data: {mesh: {trustDomain: td1}}\n", /^istio\.yaml:4:14: error SYM0805 data\.mesh: /],
      ["data: {mesh: }\n", /SYM0805 data\.mesh: /],
      ["data: {mesh: yes}\n", /SYM0805 data\.mesh: /],
      ["data: {mesh: '[]'}\n", /SYM0102 data\.mesh: must be an object/],
      [
        "data:\n  mesh: |\n    trustDomain: a\n    ---\n    trustDomain: b\n",
        /^istio\.yaml:8:5: error SYM0805 data\.mesh: wanted one YAML document/,
      ],
    ] as const)
      assert.match(refused(body), wanted, body);
  });
});
