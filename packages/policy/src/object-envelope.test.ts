import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createFindingCollector, formatFinding } from "./document/index.ts";
import {
  findDuplicateObjects,
  type ObjectEnvelope,
  parseEnvelope,
  readEnvelope,
  resourceText,
} from "./object-envelope.ts";
import { parseYamlDocuments } from "./yaml/index.ts";

function parse(text: string) {
  const [node] = parseYamlDocuments(text, "f.yaml").documents;
  assert.ok(node);
  return parseEnvelope(node);
}

function accepted(text: string): ObjectEnvelope {
  const result = parse(text);
  assert.ok(result.kind === "parsed", result.findings.map(formatFinding).join("\n"));
  return result.value;
}

function errors(text: string): readonly string[] {
  const result = parse(text);
  assert.equal(result.kind, "refused");
  return result.findings.map(formatFinding);
}

const withMetadata = (metadata: string) => `apiVersion: v1\nkind: Pod\nmetadata: ${metadata}\n`;

describe("parseEnvelope", () => {
  test("splits apiVersion into group and version", () => {
    const core = accepted("{apiVersion: v1, kind: Pod, metadata: {name: a}}");
    assert.deepEqual([core.group, core.version, core.kind], ["", "v1", "Pod"]);
    const grouped = accepted("{apiVersion: security.istio.io/v1beta1, kind: PeerAuthentication, metadata: {name: a}}");
    assert.deepEqual([grouped.group, grouped.version], ["security.istio.io", "v1beta1"]);
  });

  test("a spec without value counts as absent", () => {
    assert.equal(accepted("{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: null}").spec, undefined);
    assert.equal(accepted("{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {}}").spec?.kind, "map");
  });

  test("says at the place what an object needs", () => {
    assert.deepEqual(errors("- a"), [
      "f.yaml:1:1: error SYM0201: wanted a Kubernetes object with apiVersion, kind and metadata",
    ]);
    assert.deepEqual(errors("a: 1"), [
      "f.yaml:1:1: error SYM0103 apiVersion: required field is missing",
      "f.yaml:1:1: error SYM0103 kind: required field is missing",
      "f.yaml:1:1: error SYM0103 metadata: required field is missing",
    ]);
    assert.deepEqual(errors('apiVersion: V1\nkind: ""\nmetadata: {name: a}'), [
      'f.yaml:1:13: error SYM0201 apiVersion: invalid value "V1": wanted "version" or "group/version", like security.istio.io/v1',
      "f.yaml:2:7: error SYM0103 kind: must not be empty",
    ]);
    assert.match(errors("{apiVersion: a/b/c, kind: Pod, metadata: {name: a}}")[0] ?? "", /group\/version/);
    assert.match(errors("{apiVersion: 1, kind: Pod, metadata: {name: a}}")[0] ?? "", /must be a string/);
  });
});

describe("readEnvelope", () => {
  test("knows status, and reports whatever the kind does not know", () => {
    const collector = createFindingCollector();
    const envelope = accepted("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nstatus: {x: 1}\nspce: {}\n");
    const reader = readEnvelope(envelope, collector);
    reader.node("spec");
    assert.equal(
      reader.finish(() => 1),
      undefined,
    );
    assert.deepEqual(collector.findings.map(formatFinding), [
      'f.yaml:5:1: error SYM0101 spce: unknown field "spce"; did you mean "spec"?',
    ]);
  });
});

describe("metadata", () => {
  test("keeps what a policy is ordered and found by", () => {
    const { metadata } = accepted(
      withMetadata(
        '{name: a.b, namespace: foo, uid: u, resourceVersion: "7", generation: 2, creationTimestamp: "2024-05-06T07:08:09Z", labels: {app: x, p.q/r: ""}, annotations: {Upper.Case/Key: "any\\ntext"}}',
      ),
    );
    assert.deepEqual(metadata, {
      name: "a.b",
      namespace: "foo",
      uid: "u",
      resourceVersion: "7",
      generation: 2,
      creationTimestamp: new Date("2024-05-06T07:08:09Z"),
      labels: { app: "x", "p.q/r": "" },
      annotations: { "Upper.Case/Key": "any\ntext" },
    });
  });

  test("skips what only an API server writes", () => {
    const text =
      "{name: a, creationTimestamp: null, managedFields: [x], ownerReferences: [], selfLink: /x, finalizers: [f]}";
    assert.deepEqual(accepted(withMetadata(text)).metadata, { name: "a", labels: {}, annotations: {} });
  });

  test("refuses a name, namespace or label that Kubernetes refuses, at its place", () => {
    const bad = errors(
      'apiVersion: v1\nkind: Pod\nmetadata:\n  name: A\n  namespace: a.b\n  labels:\n    app: "a b"\n    -x: z\n',
    );
    assert.deepEqual(
      bad.map((line) => line.slice(0, line.indexOf(": invalid"))),
      [
        "f.yaml:4:9: error SYM0203 metadata.name",
        "f.yaml:5:14: error SYM0204 metadata.namespace",
        "f.yaml:7:10: error SYM0205 metadata.labels.app",
        "f.yaml:8:5: error SYM0205 metadata.labels.-x",
      ],
    );
    assert.match(errors(withMetadata("{name: a, labels: {app: 1}}"))[0] ?? "", /must be a string.*write "1" in quotes/);
    assert.match(
      errors(withMetadata("{name: a, lables: {}}"))[0] ?? "",
      /unknown field "lables"; did you mean "labels"/,
    );
    assert.match(errors(withMetadata("{name: a, annotations: {a b: x}}"))[0] ?? "", /SYM0206.*invalid annotation key/);
    assert.match(errors(withMetadata("{}"))[0] ?? "", /SYM0103 metadata\.name: required field is missing/);
  });

  test("a name that an API server would have to invent is refused", () => {
    const [line, ...more] = errors(withMetadata("{generateName: a-}"));
    assert.match(line ?? "", /SYM0103 metadata\.name: generateName is not supported: wanted a name/);
    assert.deepEqual(more, []);
    assert.equal(accepted(withMetadata("{name: a-1, generateName: a-}")).metadata.name, "a-1");
  });

  test("a creation time is RFC 3339 or it is refused", () => {
    const time = (text: string) => withMetadata(`{name: a, creationTimestamp: "${text}"}`);
    for (const good of ["2024-02-29T23:59:59Z", "2024-01-01T00:00:00.5+09:00"])
      assert.equal(accepted(time(good)).metadata.creationTimestamp?.getTime(), Date.parse(good));
    for (const bad of [
      "2024-01-01",
      "2024-13-01T00:00:00Z",
      "yesterday",
      "2024-01-01T00:00:00",
      "2024-01-01 00:00:00Z",
    ])
      assert.match(errors(time(bad))[0] ?? "", /SYM0207 metadata\.creationTimestamp: invalid time/, bad);
  });

  test("annotations have 256 KiB together and not one character more", () => {
    const annotations = (size: number) => withMetadata(`{name: a, annotations: {k: "${"x".repeat(size - 1)}"}}`);
    assert.equal(accepted(annotations(256 * 1024)).metadata.name, "a");
    assert.match(errors(annotations(256 * 1024 + 1))[0] ?? "", /annotations size 262145 is larger than limit 262144/);
  });

  test("labels named like members of every object are labels", () => {
    const { labels } = accepted(withMetadata("{name: a, labels: {constructor: x, toString: z}}")).metadata;
    assert.deepEqual(Object.entries(labels), [
      ["constructor", "x"],
      ["toString", "z"],
    ]);
  });
});

describe("findDuplicateObjects", () => {
  const at = (line: number) => ({ file: "f.yaml", line, column: 1 });

  test("reports the second of one kind, namespace and name, with the place of the first", () => {
    const same = { kind: "Pod", namespace: "foo", name: "a" };
    const others = [
      { ...same, kind: "Service", position: at(2) },
      { ...same, namespace: "bar", position: at(3) },
      { ...same, name: "b", position: at(4) },
    ];
    assert.deepEqual(findDuplicateObjects([{ ...same, position: at(1) }, ...others]), []);
    const found = findDuplicateObjects([{ ...same, position: at(1) }, ...others, { ...same, position: at(9) }]);
    assert.deepEqual(found.map(formatFinding), [
      "f.yaml:9:1: error SYM0211 metadata.name: Pod foo/a is already defined at f.yaml:1:1",
    ]);
  });

  test("names cluster-scoped objects without a namespace", () => {
    assert.equal(resourceText({ kind: "Namespace", namespace: "", name: "foo" }), "Namespace foo");
  });
});
