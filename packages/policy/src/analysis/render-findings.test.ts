import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseYamlDocuments } from "../yaml/index.ts";
import type { AnalysisFinding } from "./analysis-finding.ts";
import { analyzeDocuments } from "./analyze-documents.ts";
import { findingsToSarif } from "./findings-to-sarif.ts";
import { findingsToJson, renderFindings } from "./render-findings.ts";

const FILE = "my dir/a:b.yaml";
const TEXT = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {namespace: foo, name: p}
spec:
  rules:
  - to:
    - operation:
        methods: [get]
---
apiVersion: v1
kind: Pod
metadata: {namespace: bar, name: web}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {namespace: foo, name: broken}
spec: {rules: [{form: []}]}
`;
const findings = analyzeDocuments(parseYamlDocuments(TEXT, FILE).documents);

describe("findings", () => {
  test("as text: the line, a caret below the place, object, foreign codes, fix, and a summary", () => {
    assert.equal(
      renderFindings(findings, new Map([[FILE, TEXT]])),
      `my dir/a:b.yaml:3:23: warning SYM1014 metadata.namespace: No matching workloads for this resource with the following labels: 
  3 | metadata: {namespace: foo, name: p}
    |                       ^
  in AuthorizationPolicy foo/p (IST0127, KIA0004)
  fix: correct the labels or the namespace, or remove the policy

my dir/a:b.yaml:8:19: warning SYM1021 spec.rules[0].to[0].operation.methods[0]: no request has the method "get": methods are compared with their case
  8 |         methods: [get]
    |                   ^
  in AuthorizationPolicy foo/p (KIA0102)
  fix: write "GET"

my dir/a:b.yaml:17:17: error SYM0101 spec.rules[0].form: unknown field "form"; did you mean "from"?
  17 | spec: {rules: [{form: []}]}
     |                 ^
  in AuthorizationPolicy foo/broken (IST0106)
  fix: correct the field's name or its indentation, or remove it

1 error, 2 warnings, 0 infos in 2 objects`,
    );
  });

  test("as text: without the file's text, and of lines that are long or hold control characters", () => {
    assert.doesNotMatch(renderFindings(findings), / \| /);
    const [first] = findings;
    assert.ok(first);
    const at = (column: number): AnalysisFinding => ({ ...first, position: { file: "f", line: 1, column } });
    const shown = (text: string, column: number) => {
      const [, line = "", caret = ""] = renderFindings([at(column)], new Map([["f", text]])).split("\n");
      return line[caret.indexOf("^")];
    };
    assert.equal(shown("\ta: \u001b[2Jx", 9), "x");
    assert.equal(shown(`${"-".repeat(5000)}x${"-".repeat(5000)}`, 5001), "x");
    const rendered = renderFindings([at(3)], new Map([["f", `a ${"\u001b"}[2J`]]));
    assert.doesNotMatch(rendered, /\u001b/);
  });

  test("as JSON", () => {
    const { findings: list } = JSON.parse(findingsToJson(findings));
    assert.equal(list.length, 3);
    assert.deepEqual(list[1], {
      code: "SYM1021",
      severity: "warning",
      message: 'no request has the method "get": methods are compared with their case',
      path: "spec.rules[0].to[0].operation.methods[0]",
      file: FILE,
      line: 8,
      column: 19,
      object: { kind: "AuthorizationPolicy", namespace: "foo", name: "p" },
      fix: 'write "GET"',
      kialiCode: "KIA0102",
    });
  });

  test("as SARIF 2.1.0", () => {
    const log = JSON.parse(findingsToSarif(findings, { toolVersion: "1.2.3" }));
    assert.equal(log.version, "2.1.0");
    const [run] = log.runs;
    assert.equal(run.tool.driver.version, "1.2.3");
    assert.deepEqual(
      run.tool.driver.rules.map(({ id }: { id: string }) => id),
      ["SYM0101", "SYM1014", "SYM1021"],
    );
    for (const result of run.results) assert.equal(run.tool.driver.rules[result.ruleIndex].id, result.ruleId);
    assert.deepEqual(
      run.results.map(({ level }: { level: string }) => level),
      ["warning", "warning", "error"],
    );
    const { physicalLocation, logicalLocations } = run.results[1].locations[0];
    assert.deepEqual(physicalLocation, {
      artifactLocation: { uri: "my%20dir/a%3Ab.yaml" },
      region: { startLine: 8, startColumn: 19 },
    });
    assert.equal(logicalLocations[0].fullyQualifiedName, "AuthorizationPolicy foo/p");
  });
});
