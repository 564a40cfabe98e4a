import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  createFindingCollector,
  type DocumentNode,
  type FindingCollector,
  formatFinding,
  type ObjectReader,
  readInteger,
  readObject,
  rootContext,
} from "./index.ts";

const position = { file: "f.yaml", line: 1, column: 1 };
let line = 1;

/** A tree from a JSON value, each key on a line of its own. */
function tree(value: unknown): DocumentNode {
  if (Array.isArray(value)) return { kind: "list", position, items: value.map(tree) };
  if (value === null) return { kind: "null", position, raw: "null" };
  if (typeof value === "object") {
    const entries = Object.entries(value).map(([key, child]) => ({
      key,
      keyPosition: { file: "f.yaml", line: line++, column: 3 },
      value: tree(child),
    }));
    return { kind: "map", position, entries };
  }
  const raw = String(value);
  if (typeof value === "number") return { kind: "number", position, value, raw };
  if (typeof value === "boolean") return { kind: "boolean", position, value, raw };
  return { kind: "string", position, value: raw, raw };
}

function open(value: unknown): { readonly reader: ObjectReader; readonly collector: FindingCollector } {
  line = 1;
  const collector = createFindingCollector();
  return { reader: readObject(tree(value), rootContext(collector)), collector };
}

const lines = ({ findings }: FindingCollector) =>
  findings.map((finding) => formatFinding(finding).replace(/^f\.yaml:\d+:\d+: /, ""));

describe("readObject", () => {
  test("builds the value from typed fields", () => {
    const { reader, collector } = open({
      name: "a",
      count: 3,
      on: true,
      kind: "TCP",
      port: "http",
      tags: ["x"],
      labels: { a: "b" },
      inner: { n: 1 },
    });
    const value = {
      name: reader.string("name", { required: true }),
      count: reader.integer("count", { min: 1, max: 3 }),
      on: reader.boolean("on"),
      kind: reader.enumeration("kind", { TCP: "tcp", UDP: "udp" }),
      port: reader.integerOrString("port"),
      tags: reader.strings("tags"),
      labels: reader.stringMap("labels"),
      inner: reader.object("inner", (inner) => {
        const n = inner.integer("n", { required: true });
        return inner.finish(() => n);
      }),
      absent: reader.string("absent"),
    };
    const expected = {
      name: "a",
      count: 3,
      on: true,
      kind: "tcp",
      port: "http",
      tags: ["x"],
      labels: { a: "b" },
      inner: 1,
      absent: undefined,
    };
    assert.deepEqual(
      reader.finish(() => value),
      expected,
    );
    assert.deepEqual(collector.findings, []);
  });

  test("reports every mistake, not only the first, and builds nothing", () => {
    const { reader, collector } = open({
      nmae: "a",
      count: 4,
      on: "true",
      kind: "tcp",
      tags: "x",
      inner: { n: "1" },
      list: [1, "2"],
    });
    reader.string("name", { required: true });
    reader.integer("count", { max: 3, min: 1 });
    reader.boolean("on");
    reader.enumeration("kind", { TCP: "tcp", UDP: "udp" });
    reader.strings("tags");
    reader.object("inner", (inner) => {
      inner.integer("n");
      return inner.finish(() => true);
    });
    reader.list("list", (item, context) => readInteger(item, context));
    const build = () => assert.fail("must not be built");
    assert.equal(reader.finish(build), undefined);
    assert.deepEqual(lines(collector), [
      "error SYM0103 name: required field is missing",
      "error SYM0106 count: 4 is out of range: must be in 1..3",
      'error SYM0102 on: must be true or false, got the string "true"',
      'error SYM0105 kind: unknown value "tcp": must be one of TCP, UDP; did you mean "TCP"?',
      'error SYM0102 tags: must be a list, got the string "x"',
      'error SYM0102 inner.n: must be an integer, got the string "1"',
      'error SYM0102 list[1]: must be an integer, got the string "2"',
      'error SYM0101 nmae: unknown field "nmae"; did you mean "name"?',
    ]);
  });

  test("an error deep inside refuses every object around it", () => {
    const { reader } = open({ outer: { inner: { extra: 1 } } });
    const outer = reader.object("outer", (o) => {
      const inner = o.object("inner", (i) => i.finish(() => "inner"));
      assert.equal(inner, undefined);
      return o.finish(() => "outer");
    });
    assert.equal(outer, undefined);
    assert.equal(
      reader.finish(() => "root"),
      undefined,
    );
  });

  test("a sibling's error does not refuse an object that is sound", () => {
    const { reader } = open({ bad: { extra: 1 }, good: { n: 1 } });
    reader.object("bad", (bad) => bad.finish(() => 1));
    const good = reader.object("good", (inner) => {
      inner.integer("n");
      return inner.finish(() => "good");
    });
    assert.equal(good, "good");
  });

  test("refuses a duplicate key that a producer left in", () => {
    const value = tree("x");
    const at = (entryLine: number) => ({ file: "f.yaml", line: entryLine, column: 1 });
    const node: DocumentNode = {
      kind: "map",
      position,
      entries: [
        { key: "a", keyPosition: at(1), value },
        { key: "a", keyPosition: at(2), value },
      ],
    };
    const collector = createFindingCollector();
    const reader = readObject(node, rootContext(collector));
    reader.string("a");
    assert.equal(
      reader.finish(() => 1),
      undefined,
    );
    assert.deepEqual(collector.findings.map(formatFinding), [
      "f.yaml:2:1: error SYM0003 a: duplicate key: already at line 1",
    ]);
  });

  test("reads null as absent, with a warning where no tool writes it", () => {
    const { reader, collector } = open({ a: null, b: null });
    assert.equal(reader.has("a"), false);
    assert.equal(reader.string("a"), undefined);
    assert.equal(reader.string("b", { nullable: true }), undefined);
    assert.equal(
      reader.finish(() => "ok"),
      "ok",
    );
    assert.deepEqual(lines(collector), ["warning SYM0107 a: has no value and is read as absent"]);
  });

  test("a required field may be neither null nor empty", () => {
    const { reader, collector } = open({ a: null, b: "" });
    reader.string("a", { required: true });
    reader.string("b", { required: true });
    assert.equal(
      reader.finish(() => 1),
      undefined,
    );
    assert.deepEqual(lines(collector), [
      "error SYM0103 a: required field is missing",
      "error SYM0103 b: must not be empty",
    ]);
  });

  test("ignored fields are known, and get a note when one is given", () => {
    const { reader, collector } = open({ status: {}, resources: {} });
    reader.ignore(["status"]);
    reader.ignore(["resources", "limits"], "has no effect here");
    assert.equal(
      reader.finish(() => 1),
      1,
    );
    assert.deepEqual(lines(collector), ["info SYM0108 resources: has no effect here"]);
  });

  test("counts elements, and says where a map's entry is wrong", () => {
    const { reader, collector } = open({ none: [], many: [1, 2, 3], map: { "a/b": 1 } });
    reader.list("none", (item, context) => readInteger(item, context), { min: 1 });
    reader.list("many", (item, context) => readInteger(item, context), { max: 2 });
    reader.stringMap("map");
    assert.deepEqual(lines(collector), [
      "error SYM0109 none: must have at least 1 element, got 0",
      "error SYM0109 many: must have at most 2 elements, got 3",
      'error SYM0102 map["a/b"]: must be a string, got the number 1; write "1" in quotes',
    ]);
  });

  test("a node that is no object is one finding, without missing fields", () => {
    const { reader, collector } = open(["x"]);
    assert.equal(reader.string("name", { required: true }), "");
    assert.equal(
      reader.finish(() => 1),
      undefined,
    );
    assert.deepEqual(lines(collector), ["error SYM0102: must be an object, got a list"]);
  });

  test("integers are written as integers: no fraction, no exponent, nothing beyond 2^53", () => {
    const cases: readonly (readonly [string, number, number | undefined])[] = [
      ["8080", 8080, 8080],
      ["-1", -1, -1],
      ["1.0", 1, undefined],
      ["1e3", 1000, undefined],
      ["9007199254740993", 9007199254740992, undefined],
    ];
    for (const [raw, value, expected] of cases) {
      const collector = createFindingCollector();
      assert.equal(readInteger({ kind: "number", position, value, raw }, rootContext(collector)), expected, raw);
      assert.equal(collector.errorCount, expected === undefined ? 1 : 0, raw);
    }
  });

  test("a key called __proto__ or constructor is a key like any other", () => {
    const node: DocumentNode = {
      kind: "map",
      position,
      entries: [
        {
          key: "labels",
          keyPosition: position,
          value: { kind: "map", position, entries: [{ key: "__proto__", keyPosition: position, value: tree("x") }] },
        },
        { key: "kind", keyPosition: position, value: tree("constructor") },
      ],
    };
    const collector = createFindingCollector();
    const reader = readObject(node, rootContext(collector));
    const labels = reader.stringMap("labels") ?? {};
    assert.deepEqual(Object.keys(labels), ["__proto__"]);
    assert.equal(reader.enumeration("kind", { TCP: "tcp" }), undefined);
    assert.deepEqual(lines(collector), ['error SYM0105 kind: unknown value "constructor": must be one of TCP']);
  });
});
