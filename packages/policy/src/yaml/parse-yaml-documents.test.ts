import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { documentToJson, entryValue, formatFinding } from "../document/index.ts";
import { MAX_DOCUMENT_LENGTH, MAX_TEXT_LENGTH, parseYamlDocuments } from "./index.ts";

const values = (text: string) => parseYamlDocuments(text, "f.yaml").documents.map(documentToJson);
const findings = (text: string) => parseYamlDocuments(text, "f.yaml").findings.map(formatFinding);

describe("parseYamlDocuments", () => {
  test("reads several documents and leaves out empty ones", () => {
    assert.deepEqual(values("# nothing\n---\na: 1\n---\n---\n# still nothing\n---\nb: [x, null, true]\n"), [
      { a: 1 },
      { b: ["x", null, true] },
    ]);
    assert.deepEqual(findings("---\n# nothing\n"), []);
    assert.deepEqual(values(""), []);
  });

  test("reads JSON, a byte order mark and Windows line ends", () => {
    assert.deepEqual(values('{"a": {"b": [1, "x"]}}'), [{ a: { b: [1, "x"] } }]);
    assert.deepEqual(values("\ufeffa: 1\r\nb:\r\n  - c\r\n"), [{ a: 1, b: ["c"] }]);
  });

  test("gives each key and value its line and column", () => {
    const [node] = parseYamlDocuments("a: 1\nspec:\n  mode:  STRICT\n", "dir/f.yaml").documents;
    assert.ok(node?.kind === "map");
    const spec = entryValue(node, "spec");
    assert.ok(spec?.kind === "map");
    assert.deepEqual(spec.entries[0]?.keyPosition, { file: "dir/f.yaml", line: 3, column: 3 });
    assert.deepEqual(spec.entries[0]?.value.position, { file: "dir/f.yaml", line: 3, column: 10 });
  });

  test("a document with an error is left out, its neighbours are read", () => {
    const { documents, findings: found } = parseYamlDocuments("a: 1\n---\nb: @x\n---\nc: 1\n", "f.yaml");
    assert.deepEqual(documents.map(documentToJson), [{ a: 1 }, { c: 1 }]);
    assert.deepEqual(
      found.map(({ position }) => position.line),
      [3],
    );
  });

  test("says where a syntax error is and what was wanted", () => {
    const cases: readonly (readonly [string, string])[] = [
      ["a:\n\tb: 1\n", "f.yaml:2:1: error SYM0002: a tab stands in the indentation; YAML allows only spaces there"],
      ["a: 'x\nb: 1\n", "f.yaml:1:4: error SYM0001: this string has no closing quote (missing closing 'quote)"],
      [
        'a: 1\nb:\n  - "x\n---\nc: 1',
        'f.yaml:3:5: error SYM0001: this string has no closing quote (missing closing "quote)',
      ],
      [
        "a: [1,\n",
        "f.yaml:2:1: error SYM0001: flow sequence in block collection must be sufficiently indented and end with a ]",
      ],
      [
        "%FOO\n---\na: 1\n",
        "f.yaml:1:1: error SYM0007: this directive is not supported: wanted a document that starts with --- (unknown directive %FOO)",
      ],
      [
        "a:\n  - b\n c: d",
        "f.yaml:3:1: error SYM0001: the line is indented differently from its neighbours: entries of one object or list start in the same column (all mapping items must start at the same column)",
      ],
      [
        "a: b: c",
        'f.yaml:1:4: error SYM0001: a nested "key: value" cannot stand on the line of its parent: put it on a line of its own, indented, or quote the value (nested mappings are not allowed in compact mappings)',
      ],
      [
        "kind\nname: x",
        'f.yaml:1:1: error SYM0001: a key must fit on one line: wanted "key: value" here, is a colon missing? (implicit keys need to be on a single line)',
      ],
      [
        "a: @x",
        "f.yaml:1:4: error SYM0001: a plain value cannot start with this character: quote the value (plain value cannot start with reserved character @)",
      ],
    ];
    for (const [text, expected] of cases) assert.equal(findings(text)[0], expected, text);
  });

  test("refuses duplicate keys as Kubernetes would see them, and says where the first one is", () => {
    assert.deepEqual(findings("a: 1\nb: 2\na: 3"), [
      'f.yaml:3:1: error SYM0003 a: duplicate key "a": already at line 1',
    ]);
    assert.deepEqual(findings('8080: x\n"8080": y'), [
      'f.yaml:2:1: error SYM0003 8080: duplicate key "8080": already at line 1',
    ]);
    assert.deepEqual(values("a: {x: 1}\nb: {x: 1}"), [{ a: { x: 1 }, b: { x: 1 } }]);
  });

  test("expands aliases, refuses one without anchor or inside its own anchor", () => {
    assert.deepEqual(values("a: &x [1]\nb: *x"), [{ a: [1], b: [1] }]);
    assert.deepEqual(findings("a: *x\nb: &x 1"), [
      "f.yaml:1:4: error SYM0004 a: the alias *x names no anchor above it",
    ]);
    assert.deepEqual(findings("a: &x [*x]"), ["f.yaml:1:8: error SYM0004 a[0]: the alias *x names no anchor above it"]);
  });

  test("refuses an alias bomb", () => {
    const levels = [..."abcdefghi"].map(
      (name, index, all) =>
        `${name}: &${name} [${Array(10)
          .fill(index === 0 ? "1" : `*${all[index - 1]}`)
          .join(",")}]`,
    );
    assert.deepEqual(findings(levels.join("\n")), [
      "f.yaml:5:29: error SYM0005 e[7]: the document has more than 100000 values after its aliases are expanded",
    ]);
    assert.deepEqual(findings(levels.slice(0, 4).join("\n")), []);
  });

  test("refuses nesting beyond 64 levels, also through aliases, and a megabyte of brackets at once", () => {
    assert.deepEqual(findings(`${"[".repeat(64)}${"]".repeat(64)}`), []);
    assert.match(findings(`${"[".repeat(65)}${"]".repeat(65)}`)[0] ?? "", /SYM0005 .* more than 64 levels of nesting$/);
    const half = `${"[".repeat(40)}1${"]".repeat(40)}`;
    assert.match(
      findings(`a: &x ${half}\nb: ${"[".repeat(40)}*x${"]".repeat(40)}`)[0] ?? "",
      /SYM0005 .* more than 64 levels of nesting$/,
    );
    for (const hostile of ["[", "- ", "{a: ", "? ", "[{a: "])
      assert.match(findings(hostile.repeat(200_000))[0] ?? "", /SYM0005/, hostile);
  });

  test("refuses a document over 1 MiB and reads one that is just below", () => {
    const text = `a: "${"x".repeat(MAX_DOCUMENT_LENGTH - 5)}"`;
    assert.equal(text.length, MAX_DOCUMENT_LENGTH);
    assert.equal(values(text).length, 1);
    assert.deepEqual(findings(`b: 1\n---\n${text} `), [
      `f.yaml:2:1: error SYM0005: the document has ${MAX_DOCUMENT_LENGTH + 5} characters; at most ${MAX_DOCUMENT_LENGTH} are read`,
    ]);
    assert.match(findings("\n".repeat(MAX_TEXT_LENGTH + 1))[0] ?? "", /SYM0005: the text has 16777217 characters/);
  });

  test("refuses merge keys, value-changing tags and other versions of YAML", () => {
    assert.deepEqual(findings("a:\n  <<: {b: 1}"), [
      "f.yaml:2:3: error SYM0006 a: merge keys (<<) are not supported: write the fields out",
    ]);
    assert.deepEqual(values('"<<": 1'), [{ "<<": 1 }]);
    assert.deepEqual(findings("a: !!binary aGk="), [
      "f.yaml:1:13: error SYM0007 a: the tag tag:yaml.org,2002:binary is not supported",
    ]);
    assert.deepEqual(findings('a: !!int "8080"'), [
      "f.yaml:1:10: error SYM0007 a: the tag tag:yaml.org,2002:int is not supported",
    ]);
    assert.deepEqual(findings("%YAML 1.1\n---\na: yes"), [
      "f.yaml:2:1: error SYM0007: the directive %YAML 1.1 is not supported: documents are read as YAML 1.2",
    ]);
    assert.deepEqual(values("a: !!str 1"), [{ a: "1" }]);
  });

  test("marks scalars that Kubernetes reads differently, and leaves quoted ones alone", () => {
    for (const raw of ["yes", "No", "on", "OFF", "y", "n", "0777", "0o17", "1_000", "0b11", "0x_ff"]) {
      const [node] = parseYamlDocuments(`a: ${raw}`, "f.yaml").documents;
      assert.ok(node?.kind === "map");
      const value = entryValue(node, "a");
      assert.ok((value?.kind === "string" || value?.kind === "number") && value.ambiguity !== undefined, raw);
    }
    for (const raw of [
      "'yes'",
      '"on"',
      "!!str no",
      "0",
      "8080",
      "yesterday",
      "none",
      "1.5",
      "v1_2",
      "_",
      "0x1F",
      "2020-01-01",
      "true",
    ]) {
      const [node] = parseYamlDocuments(`a: ${raw}`, "f.yaml").documents;
      assert.ok(node?.kind === "map");
      assert.ok(!("ambiguity" in (entryValue(node, "a") ?? {})), raw);
    }
  });

  test("a key is text, a decimal integer, true or false; anything else wants quotes", () => {
    assert.deepEqual(values("8080: a\ntrue: b\n'on': c"), [{ "8080": "a", true: "b", on: "c" }]);
    const refused = {
      "on: 1": "SYM0008",
      "010: 1": "SYM0008",
      "~: 1": "SYM0009",
      ": 1": "SYM0009",
      "1.5: 1": "SYM0009",
      "0x10: 1": "SYM0009",
      "? [a]\n: b": "SYM0009",
    };
    for (const [text, code] of Object.entries(refused))
      assert.match(findings(text)[0] ?? "", new RegExp(`error ${code}:`), text);
  });

  test("refuses numbers that JSON cannot hold", () => {
    assert.deepEqual(findings("a: .inf"), ["f.yaml:1:4: error SYM0010 a: .inf has no JSON form"]);
    assert.deepEqual(findings("a: .nan"), ["f.yaml:1:4: error SYM0010 a: .nan has no JSON form"]);
  });

  test("never throws on any text, and every finding has a place and a message", () => {
    const fragments = [
      "a: ",
      "- ",
      "\n",
      "  ",
      "\t",
      "'",
      '"',
      "[",
      "]",
      "{",
      "}",
      ",",
      "&x ",
      "*x",
      "<<: ",
      "!!str ",
      "!x ",
      "---\n",
      "...\n",
      "? ",
      ": ",
      "|\n",
      ">-\n ",
      "# c\n",
      "%YAML 1.2\n",
      "yes",
      "0777",
      "\\",
      "\u0000",
      "\ud800",
      "é",
      "1",
      "null",
    ];
    const soup = fc.array(fc.constantFrom(...fragments), { maxLength: 40 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.oneof(soup, fc.string({ unit: "binary", maxLength: 60 })), (text) => {
        const result = parseYamlDocuments(text, "f.yaml");
        for (const { position, message } of result.findings) {
          assert.ok(position.line >= 1 && position.column >= 1 && message.length > 0);
        }
      }),
      { numRuns: 4000, seed: 3 },
    );
  });

  test("reads back every JSON value", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 })), (value) => {
        assert.deepEqual(
          values(JSON.stringify(value)).map((read) => JSON.stringify(read)),
          [JSON.stringify(JSON.parse(JSON.stringify(value)))],
        );
      }),
      { numRuns: 500, seed: 3 },
    );
  });
});
