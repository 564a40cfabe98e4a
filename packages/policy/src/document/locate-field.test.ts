import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseYamlDocuments } from "../yaml/index.ts";
import type { DocumentNode } from "./document-node.ts";
import { createFinding } from "./finding.ts";
import { locateField, pointAtFields } from "./locate-field.ts";

const TEXT = `metadata:
  name: a
  labels: {"a.b/c": x, "q]\\"[0]": y, "": z}
spec:
  rules:
  - to: []
  - when:
    - key: b
`;

function rootOf(text: string): DocumentNode {
  const [root] = parseYamlDocuments(text, "f.yaml").documents;
  assert.ok(root);
  return root;
}

describe("a field is found by the path that findings write", () => {
  for (const [path, line, column] of [
    ["metadata.name", 2, 9],
    ['metadata.labels["a.b/c"]', 3, 21],
    ['metadata.labels["q]\\"[0]"]', 3, 35],
    ['metadata.labels[""]', 3, 42],
    ["spec.rules[1].when[0].key", 8, 12],
    ["spec.rules[0].to", 6, 9],
    // Not written: the nearest that is.
    ["spec.rules[0].from[2]", 6, 5],
    ["spec.rules[7]", 6, 3],
    ["metadata.name.x", 2, 9],
    ["metadata[0]", 2, 3],
    ["", 1, 1],
  ] as const)
    test(path || "nothing", () => {
      assert.deepEqual(locateField(rootOf(TEXT), path), { file: "f.yaml", line, column });
    });
});

test("only what stands at the beginning of a document is moved", () => {
  const root = rootOf(TEXT);
  const elsewhere = { file: "f.yaml", line: 1, column: 1 };
  const findings = [root.position, elsewhere].map((position) =>
    createFinding("SYM0211", { path: "metadata.name", position }, "twice"),
  );
  assert.deepEqual(
    pointAtFields(findings, [root]).map(({ position }) => [position.line, position.column]),
    [
      [2, 9],
      [1, 1],
    ],
  );
});
