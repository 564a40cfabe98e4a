import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parse, parseAllDocuments } from "yaml";
import { emitYaml } from "./emit-yaml.ts";

describe("YAML as kubectl prints it", () => {
  test("sorted keys, lists at their key's column, quotes only where they are needed", () => {
    const object = {
      kind: "Pod",
      apiVersion: "v1",
      metadata: {
        name: "web-1",
        labels: { "app.kubernetes.io/name": "web", version: "1.0", on: "yes" },
        annotations: {},
      },
      spec: {
        containers: [
          { name: "web", args: ["--port=80", "a: b", "# no comment", ""], ports: [{ containerPort: 80 }] },
          { name: "b", env: [] },
        ],
        hostNetwork: false,
        missing: undefined,
        nothing: null,
      },
    };
    expect(emitYaml(object)).toBe(`apiVersion: v1
kind: Pod
metadata:
  annotations: {}
  labels:
    app.kubernetes.io/name: web
    "on": "yes"
    version: "1.0"
  name: web-1
spec:
  containers:
  - args:
    - "--port=80"
    - "a: b"
    - "# no comment"
    - ""
    name: web
    ports:
    - containerPort: 80
  - env: []
    name: b
  hostNetwork: false
  nothing: null
`);
  });

  test("text of several lines as a block, with or without its last line's end", () => {
    expect(emitYaml({ a: "one\n  two\n\nthree\n", b: "one\ntwo" })).toBe(
      "a: |\n  one\n    two\n\n  three\nb: |-\n  one\n  two\n",
    );
  });

  test("an annotation that holds another document is one value of one document (CV-44)", () => {
    for (const value of [
      "a\n---\nkind: Evil\n",
      "}\n...\n",
      "x: {y",
      '"\n',
      "a\u0000\u001b[2J",
      "\u2028---\u2028",
      "!!js x",
    ]) {
      const object = { kind: "Pod", metadata: { annotations: { note: value }, name: "web" } };
      const text = emitYaml(object);
      expect(parseAllDocuments(text)).toHaveLength(1);
      expect(parse(text)).toEqual(object);
    }
  });

  test("a scalar or an empty collection alone", () => {
    expect([null, 5, true, "x", "", [], {}].map(emitYaml)).toEqual([
      "null\n",
      "5\n",
      "true\n",
      "x\n",
      '""\n',
      "[]\n",
      "{}\n",
    ]);
  });

  test("lists in lists", () => {
    expect(emitYaml([[1, [2]], [], [{ a: [3] }]])).toBe("- - 1\n  - - 2\n- []\n- - a:\n    - 3\n");
  });
});

describe("what is printed reads back as what it was", () => {
  const TRICKY = [
    "yes",
    "No",
    "ON",
    "y",
    "null",
    "~",
    "true",
    "NaN",
    ".inf",
    "-.INF",
    "1",
    "-1",
    "+1",
    "0x1F",
    "0o17",
    "1e3",
    "1_000",
    "12:30:45",
    ".5",
    "2024-01-01",
    "=",
    "<<",
    "-",
    "- a",
    "---",
    "...",
    "? a",
    "a:",
    ":a",
    "a #b",
    "#a",
    " a",
    "a ",
    "&a",
    "*a",
    "!a",
    "|",
    ">",
    "%a",
    "@a",
    "`a",
    "[a",
    "{a",
    "a, b",
    "'",
    '"',
    "\t",
    "a\tb",
    "\n",
    "a\n",
    "\na",
    "a\n\n",
    "a\n b",
    " a\nb",
    "a \nb",
    "a\r\nb",
    "\u0000",
    "\u007f",
    "\u0085",
    "\u2028",
    "\ufeff",
    "é",
    "𝕏",
    "a: |",
    "\\",
    "\\n",
  ];

  for (const version of ["1.1", "1.2"] as const)
    test(`under YAML ${version}: text that looks like something else, as value, key and item`, () => {
      for (const text of TRICKY)
        for (const value of [{ a: text, z: 1 }, { [text]: "x" }, [text, 1], { a: [{ b: text }] }])
          expect({ text, read: parse(emitYaml(value), { version, merge: false }) }).toEqual({ text, read: value });
    });

  test("any JSON value", () => {
    const json = fc
      .jsonValue({ maxDepth: 4, noUnicodeString: false })
      .map((value) => JSON.parse(JSON.stringify(value)));
    fc.assert(
      fc.property(json, (value) => {
        expect(parse(emitYaml(value))).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });
});
