import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { documentToJson, formatFinding } from "./document/index.ts";
import { expandLists } from "./expand-lists.ts";
import { parseYamlDocuments } from "./yaml/index.ts";

const expand = (text: string) => expandLists(parseYamlDocuments(text, "f.yaml").documents);
const values = (text: string) => expand(text).documents.map(documentToJson);
const findings = (text: string) => expand(text).findings.map(formatFinding);

describe("expandLists", () => {
  test("puts items in the place of the list, in order, at any depth", () => {
    const text = "a: 1\n---\nkind: List\nitems:\n- {b: 2}\n- kind: List\n  items: [{c: 3}]\n---\nd: 4\n";
    assert.deepEqual(values(text), [{ a: 1 }, { b: 2 }, { c: 3 }, { d: 4 }]);
  });

  test("items of a typed list have its type where they name none", () => {
    const text =
      "apiVersion: security.istio.io/v1\nkind: PeerAuthenticationList\nmetadata: {resourceVersion: '1'}\nitems:\n- {metadata: {name: a}}\n- {kind: Other, metadata: {name: b}}\n";
    assert.deepEqual(values(text), [
      { apiVersion: "security.istio.io/v1", kind: "PeerAuthentication", metadata: { name: "a" } },
      { apiVersion: "security.istio.io/v1", kind: "Other", metadata: { name: "b" } },
    ]);
  });

  test("items of an untyped list keep what they have", () => {
    assert.deepEqual(values("{apiVersion: v1, kind: List, items: [{metadata: {name: a}}]}"), [
      { metadata: { name: "a" } },
    ]);
  });

  test("an empty list, also as Go writes it, is nothing", () => {
    for (const items of ["[]", "null"]) {
      assert.deepEqual(values(`{kind: List, items: ${items}}`), []);
      assert.deepEqual(findings(`{kind: List, items: ${items}}`), []);
    }
  });

  test("a list whose items are no list is refused, not skipped", () => {
    assert.deepEqual(findings("kind: List\nitmes: [{a: 1}]\n"), [
      "f.yaml:1:1: error SYM0210 items: a List needs items: wanted a list of objects",
    ]);
    assert.deepEqual(findings("kind: PodList\nitems: {a: 1}\n"), [
      "f.yaml:2:8: error SYM0210 items: a PodList needs items: wanted a list of objects",
    ]);
  });

  test("a kind that only sounds like a list stays an object", () => {
    assert.deepEqual(values("{kind: AllowList, metadata: {name: a}}"), [
      { kind: "AllowList", metadata: { name: "a" } },
    ]);
    assert.deepEqual(values("[1]"), [[1]]);
  });
});
