import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createFinding, createFindingCollector, FINDING_CODES, formatFinding, hasErrors } from "./index.ts";

const position = { file: "foo.yaml", line: 7, column: 5 };

describe("findings", () => {
  test("are one line: file, line, column, severity, code, field, message", () => {
    const finding = createFinding("SYM0105", { path: "spec.mtls.mode", position }, "unknown value");
    assert.equal(formatFinding(finding), "foo.yaml:7:5: error SYM0105 spec.mtls.mode: unknown value");
    const whole = createFinding("SYM0001", { path: "", position }, "no document");
    assert.equal(formatFinding(whole), "foo.yaml:7:5: error SYM0001: no document");
  });

  test("cannot forge a line or drive a terminal with text that they quote", () => {
    const finding = createFinding("SYM0101", { path: "a", position }, "x\nfoo.yaml:1:1: info\u001b[2J\u2028");
    assert.equal(formatFinding(finding), "foo.yaml:7:5: error SYM0101 a: x\\u000afoo.yaml:1:1: info\\u001b[2J\\u2028");
  });

  test("count as errors by their severity alone", () => {
    const warning = createFinding("SYM0303", { path: "", position }, "w");
    assert.equal(hasErrors([warning]), false);
    assert.equal(hasErrors([warning, createFinding("SYM0101", { path: "", position }, "e")]), true);
    const collector = createFindingCollector();
    collector.add(warning);
    assert.equal(collector.errorCount, 0);
    collector.add({ code: "SYM9999", severity: "error", message: "of another catalogue", path: "", position });
    assert.equal(collector.errorCount, 1);
  });

  test("have a catalogue row with title and fix each, in ascending order", () => {
    const codes = Object.keys(FINDING_CODES);
    assert.deepEqual(codes, codes.toSorted());
    for (const [code, { title, fix }] of Object.entries(FINDING_CODES)) {
      assert.match(code, /^SYM\d{4}$/);
      assert.ok(title.length > 0 && fix.length > 0, code);
    }
  });
});
