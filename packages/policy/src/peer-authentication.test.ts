import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatFinding } from "./document/index.ts";
import { parseEnvelope } from "./object-envelope.ts";
import { type PeerAuthentication, parsePeerAuthentication } from "./peer-authentication.ts";
import { selectorText } from "./selector.ts";
import { parseYamlDocuments } from "./yaml/index.ts";

const HEAD = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p, namespace: foo}\n";

function parse(text: string, defaultNamespace?: string) {
  const { documents, findings } = parseYamlDocuments(text, "f.yaml");
  const [node] = documents;
  assert.ok(node, findings.map(formatFinding).join("\n"));
  const envelope = parseEnvelope(node);
  assert.ok(envelope.kind === "parsed", envelope.findings.map(formatFinding).join("\n"));
  return parsePeerAuthentication(envelope.value, defaultNamespace === undefined ? {} : { defaultNamespace });
}

function accepted(text: string): { readonly policy: PeerAuthentication; readonly findings: readonly string[] } {
  const result = parse(text);
  assert.ok(result.kind === "parsed", result.findings.map(formatFinding).join("\n"));
  return { policy: result.value, findings: result.findings.map(formatFinding) };
}

const spec = (text: string) => accepted(`${HEAD}spec: ${text}\n`);

function errors(text: string): readonly string[] {
  const result = parse(text);
  assert.equal(result.kind, "refused", text);
  return result.findings.filter(({ severity }) => severity === "error").map(formatFinding);
}

const specErrors = (text: string) => errors(`${HEAD}spec:\n  ${text}\n`).map((line) => line.replace("f.yaml:", ""));

describe("PeerAuthentication", () => {
  test("reads selector, mode and the modes of ports", () => {
    const { policy, findings } = spec(
      "{selector: {matchLabels: {app: a}}, mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}, '1': {mode: PERMISSIVE}, 65535: {mode: UNSET}}}",
    );
    assert.deepEqual(findings, []);
    assert.equal(policy.selector && selectorText(policy.selector), "app=a");
    assert.equal(policy.mode, "strict");
    assert.deepEqual(
      [...policy.portLevelMtls],
      [
        [8080, "disable"],
        [1, "permissive"],
        [65535, "unset"],
      ],
    );
  });

  test("is served as v1 and v1beta1 and as nothing else", () => {
    assert.equal(accepted(HEAD.replace("/v1", "/v1beta1")).policy.name, "p");
    assert.deepEqual(errors(HEAD.replace("/v1", "/v1alpha1")), [
      "f.yaml:1:1: error SYM0202 apiVersion: PeerAuthentication has no version security.istio.io/v1alpha1: wanted security.istio.io/v1 or security.istio.io/v1beta1",
    ]);
    assert.match(
      errors(HEAD.replace("PeerAuth", "RequestAuth"))[0] ?? "",
      /SYM0201 kind: wanted kind PeerAuthentication/,
    );
  });

  test("no spec, an empty one and an empty mtls all mean UNSET for the namespace", () => {
    for (const text of ["", "spec: {}\n", "spec:\n  mtls: {}\n", "spec: {mtls: {mode: UNSET}}\n"]) {
      const { policy } = accepted(HEAD + text);
      assert.deepEqual([policy.mode, policy.selector, policy.portLevelMtls.size], ["unset", undefined, 0], text);
    }
  });

  test("a field that is there without a value is warned of once: its lines may be indented wrongly", () => {
    const { findings } = spec("{selector: null, mtls: null, portLevelMtls: null}");
    assert.deepEqual(findings, [
      "f.yaml:4:18: warning SYM0107 spec.selector: has no value and is read as absent",
      "f.yaml:4:30: warning SYM0107 spec.mtls: has no value and is read as absent",
      "f.yaml:4:51: warning SYM0107 spec.portLevelMtls: has no value and is read as absent",
    ]);
    const port = spec("{selector: {matchLabels: {app: a}}, portLevelMtls: {80: null}}");
    assert.deepEqual([...port.policy.portLevelMtls], [[80, "unset"]]);
    assert.match(port.findings.join(), /SYM0107 spec\.portLevelMtls\.80: has no value and is read as UNSET/);
  });

  test("takes the namespace of whoever applies it when it names none", () => {
    const text = HEAD.replace(", namespace: foo", "");
    const named = parse(text, "bar");
    assert.ok(named.kind === "parsed");
    assert.equal(named.value.namespace, "bar");
    assert.equal(accepted(text).policy.namespace, "default");
  });

  test("a mode is one of four words, in capitals", () => {
    const rule = "must be one of UNSET, DISABLE, PERMISSIVE, STRICT";
    assert.deepEqual(specErrors("mtls: {mode: STRCT}"), [
      `5:16: error SYM0105 spec.mtls.mode: unknown value "STRCT": ${rule}; did you mean "STRICT"?`,
    ]);
    assert.deepEqual(specErrors("mtls: {mode: strict}"), [
      `5:16: error SYM0105 spec.mtls.mode: unknown value "strict": ${rule}; did you mean "STRICT"?`,
    ]);
    assert.match(specErrors("mtls: {mode: 3}")[0] ?? "", /SYM0102 spec\.mtls\.mode: must be one of UNSET.*number 3/);
    assert.match(specErrors("mtls: STRICT")[0] ?? "", /SYM0102 spec\.mtls: must be an object, got the string "STRICT"/);
    assert.match(specErrors('mtls: {mode: ""}')[0] ?? "", /SYM0105/);
  });

  test("an unknown field refuses the object, with what was probably meant", () => {
    assert.deepEqual(specErrors("mtsl: {mode: STRICT}"), [
      '5:3: error SYM0101 spec.mtsl: unknown field "mtsl"; did you mean "mtls"?',
    ]);
    assert.match(
      specErrors("mtls: {mod: STRICT}")[0] ?? "",
      /spec\.mtls\.mod: unknown field "mod"; did you mean "mode"/,
    );
    assert.match(errors(`${HEAD}mtls: {mode: STRICT}\n`)[0] ?? "", /4:1: error SYM0101 mtls: unknown field "mtls"/);
    assert.match(specErrors("selector: {app: a}")[0] ?? "", /SYM0101 spec\.selector\.app/);
  });

  test("one mistake anywhere leaves no policy at all, and every mistake is named", () => {
    const found = specErrors("mtls: {mode: STRCT}\n  portLevelMtls: {0: {mode: X}}\n  selectr: {}");
    assert.deepEqual(
      found.map((line) => line.split(" ")[2]),
      ["SYM0105", "SYM0401", "SYM0403", "SYM0105", "SYM0101"],
    );
  });
});

describe("portLevelMtls", () => {
  const ports = (text: string) => specErrors(`selector: {matchLabels: {app: a}}\n  portLevelMtls: ${text}`);

  test("belongs to a selector with labels", () => {
    const message = "SYM0401 spec.portLevelMtls: mesh/namespace peer authentication cannot have port level mTLS";
    assert.deepEqual(specErrors("portLevelMtls: {80: {mode: STRICT}}"), [`5:3: error ${message}`]);
    assert.deepEqual(specErrors("selector: {}\n  portLevelMtls: {80: {mode: STRICT}}"), [`6:3: error ${message}`]);
    assert.deepEqual(specErrors("selector: {matchLabels: {}}\n  portLevelMtls: {80: {mode: STRICT}}"), [
      `6:3: error ${message}`,
    ]);
  });

  test("a broken selector is one mistake, not two", () => {
    assert.equal(specErrors("selector: {matchLabels: {'*': a}}\n  portLevelMtls: {80: {mode: STRICT}}").length, 1);
  });

  test("has at least one port", () => {
    assert.deepEqual(ports("{}"), [
      "6:3: error SYM0402 spec.portLevelMtls: port level mTLS, if defined, must have at least one element",
    ]);
  });

  test("a port is 1 to 65535", () => {
    for (const port of ["0", "65536", "99999999999999999999"])
      assert.match(ports(`{${port}: {mode: STRICT}}`)[0] ?? "", /SYM0403 .*port must be in range 1\.\.65535/, port);
    assert.deepEqual(ports("{0: {mode: STRICT}}"), [
      "6:19: error SYM0403 spec.portLevelMtls.0: port must be in range 1..65535",
    ]);
  });

  test("a port is a decimal number, never a name", () => {
    assert.deepEqual(ports("{http: {mode: STRICT}}"), [
      '6:19: error SYM0102 spec.portLevelMtls.http: a port must be an integer, got "http"; names of ports are not allowed here',
    ]);
    for (const key of ['"080"', '"+80"', '"-1"', '"8e1"', '"80.0"', '" 80"', '""', '"0x50"'])
      assert.match(ports(`{${key}: {mode: STRICT}}`)[0] ?? "", /a port must be an integer/, key);
  });

  test("one port twice is refused, however it is written", () => {
    const { findings } = parseYamlDocuments(
      `${HEAD}spec: {portLevelMtls: {80: {mode: STRICT}, "80": {mode: DISABLE}}}\n`,
      "f.yaml",
    );
    assert.match(findings.map(formatFinding).join(), /SYM0003 spec\.portLevelMtls\.80: duplicate key "80"/);
  });

  test("an entry is an object with a mode", () => {
    assert.match(ports("{80: STRICT}")[0] ?? "", /SYM0102 spec\.portLevelMtls\.80: must be an object/);
    assert.match(ports("{80: {mode: strict}}")[0] ?? "", /SYM0105/);
    assert.match(ports("{80: {mod: STRICT}}")[0] ?? "", /SYM0101/);
    assert.match(ports("[80]")[0] ?? "", /SYM0102 spec\.portLevelMtls: must be an object, got a list/);
  });
});

describe("selector", () => {
  const labels = (text: string) => specErrors(`selector: {matchLabels: ${text}}`);

  test("without labels it is warned of and selects the whole namespace", () => {
    for (const text of ["{selector: {}}", "{selector: {matchLabels: {}}}"]) {
      const { policy, findings } = spec(text);
      assert.equal(policy.selector, undefined);
      assert.deepEqual(findings, [
        "f.yaml:4:8: warning SYM0303 spec.selector: workload selector specified without labels",
      ]);
    }
  });

  test("refuses an empty key and wildcards in Istio's words", () => {
    assert.deepEqual(labels('{"": v}'), [
      '5:28: error SYM0301 spec.selector.matchLabels[""]: empty key is not supported in selector: "=v"',
    ]);
    for (const [text, pair] of [
      ['{"a*": v}', "a*=v"],
      ['{a: "*"}', "a=*"],
      ['{a: "v*"}', "a=v*"],
    ] as const)
      assert.ok(labels(text)[0]?.endsWith(`wildcard is not supported in selector: "${pair}"`), text);
  });

  test("refuses labels that no workload can carry", () => {
    assert.match(labels('{app: "a b"}')[0] ?? "", /SYM0304 .*invalid label "app=a b" in selector: a valid label must/);
    assert.match(labels("{a/b/c: v}")[0] ?? "", /SYM0304/);
    assert.match(labels(`{app: ${"v".repeat(64)}}`)[0] ?? "", /no more than 63/);
    assert.match(labels("{app: 1}")[0] ?? "", /SYM0102 spec\.selector\.matchLabels\.app: must be a string/);
    assert.match(labels("{app: null}")[0] ?? "", /SYM0102 .*must be a string, got null/);
  });
});

describe("annotations of security kinds", () => {
  const annotated = (annotation: string) =>
    errors(`${HEAD.replace("namespace: foo}", `namespace: foo, annotations: {${annotation}}}`)}`);

  test("dry run is for AuthorizationPolicy alone", () => {
    assert.deepEqual(annotated('istio.io/dry-run: "false"'), [
      'f.yaml:3:51: error SYM0209 metadata.annotations["istio.io/dry-run"]: foo/p has unsupported annotation istio.io/dry-run, please remove the annotation',
    ]);
  });

  test("the mesh's own annotations are refused", () => {
    for (const name of ["parents", "parent-namespace", "webhook-always-reject"])
      assert.match(annotated(`internal.istio.io/${name}: x`)[0] ?? "", /SYM0208 .*is reserved for the mesh itself/);
    const other = HEAD.replace("namespace: foo}", "namespace: foo, annotations: {istio.io/other: x}}");
    assert.deepEqual(accepted(other).findings, []);
  });
});
