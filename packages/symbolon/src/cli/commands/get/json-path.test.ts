import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { EXIT } from "../../exit-status.ts";
import { renderJsonPath } from "./json-path.ts";
import { parseJsonPathTemplate } from "./json-path-parse.ts";

/** The example of kubectl's own documentation, shortened. */
const LIST = {
  kind: "List",
  items: [
    {
      kind: "None",
      metadata: { name: "127.0.0.1", labels: { "kubernetes.io/hostname": "one" } },
      status: { capacity: { cpu: "4" }, addresses: [{ type: "LegacyHostIP", address: "127.0.0.1" }] },
    },
    {
      kind: "None",
      metadata: { name: "127.0.0.2" },
      status: {
        capacity: { cpu: "8" },
        addresses: [
          { type: "LegacyHostIP", address: "127.0.0.2" },
          { type: "another", address: "127.0.0.3" },
        ],
      },
    },
  ],
  users: [
    { name: "myself", user: {} },
    { name: "e2e", user: { username: "admin", password: "secret" }, age: 7 },
  ],
};

const render = (template: string, value: unknown = LIST) => renderJsonPath(parseJsonPathTemplate(template), value);

describe("kubectl's documented forms", () => {
  const cases: readonly [string, string][] = [
    ["kind is {.kind}", "kind is List"],
    ["{['kind']}", "List"],
    ['{["kind"]}', "List"],
    ["{$.kind}", "List"],
    ["{.items[*].metadata.name}", "127.0.0.1 127.0.0.2"],
    ["{..name}", "127.0.0.1 127.0.0.2 myself e2e"],
    ["{.users[0].name}", "myself"],
    ["{.users[-1].name}", "e2e"],
    ["{.users[-1:].name}", "e2e"],
    ["{.users[0,1].name}", "myself e2e"],
    ["{.users[0:1].name}", "myself"],
    ["{.users[:].name}", "myself e2e"],
    ["{.users[0:2:2].name}", "myself"],
    ["{.items[*]['metadata.name', 'status.capacity']}", '127.0.0.1 127.0.0.2 {"cpu":"4"} {"cpu":"8"}'],
    ['{.users[?(@.name=="e2e")].user.password}', "secret"],
    ["{.users[?(@.name=='e2e')].user.password}", "secret"],
    ["{.items[0].metadata.labels.kubernetes\\.io/hostname}", "one"],
    ["{.items[0].metadata.labels['kubernetes\\.io/hostname']}", "one"],
    [
      "{range .items[*]}[{.metadata.name}, {.status.capacity}] {end}",
      '[127.0.0.1, {"cpu":"4"}] [127.0.0.2, {"cpu":"8"}] ',
    ],
    ['{range .items[*]}{.metadata.name}{"\\t"}{.status.capacity.cpu}{"\\n"}{end}', "127.0.0.1\t4\n127.0.0.2\t8\n"],
    ["{range .items[*]}{range .status.addresses[*]}{.type};{end}|{end}", "LegacyHostIP;|LegacyHostIP;another;|"],
    ['{.items[*].status.addresses[?(@.type=="another")].address}', "127.0.0.3"],
    ["{.users[?(@.age)].name}", "e2e"],
    ["{.users[?(@.age>6)].name}", "e2e"],
    ["{.users[?(@.age>7)].name}", ""],
    ["{.users[?(@.age>=7)].name}", "e2e"],
    ["{.users[?(@.age<7)].name}", ""],
    ["{.users[?(@.age<=7)].name}", "e2e"],
    ['{.users[?(@.name!="e2e")].name}', "myself"],
    ["{.users[1].user.*}", "admin secret"],
    ["", ""],
    ["no action", "no action"],
  ];
  for (const [template, text] of cases)
    test(`${template || "nothing"}`, () => {
      // kubectl prints the values of a union path by path, for all items.
      const got = render(template);
      expect(template.includes("', '") ? got.split(" ").sort() : got).toEqual(
        template.includes("', '") ? text.split(" ").sort() : text,
      );
    });

  test("the whole object", () => {
    for (const template of ["{@}", "{$}", "{.}"]) expect(JSON.parse(render(template))).toEqual(LIST);
  });
});

describe("what is not there is empty, never a value of the language", () => {
  for (const template of [
    "{.nothing}",
    "{.kind.length}",
    "{.items.length}",
    "{.users[9].name}",
    "{.constructor}",
    "{.users[0].user.__proto__}",
    "{.kind[0]}",
  ])
    test(template, () => expect(render(template)).toBe(""));
});

describe("templates that are wrong are usage errors, with the place", () => {
  const cases: readonly [string, RegExp][] = [
    ["{.kind", /"\{" at 1 has no "\}"/],
    ["a{.b}{", /"\{" at 6 has no "\}"/],
    ["{end}", /"\{end\}" without "\{range …\}"/],
    ["{range .items[*]}x", /"\{range …\}" without "\{end\}"/],
    ["{.items[}", /"\[" without "\]"/],
    ["{.items[a]}", /"\[a\]" is not an index/],
    ["{.items['a' 'b']}", /is not a list of names in quotes/],
    ["{.items['a]}", /has no "\}"/],
    ["{.users[?(@.name==e2e)]}", /"e2e" in a filter is not a path/],
    ["{a b}", /is not a path/],
  ];
  for (const [template, message] of cases)
    test(template, () => {
      expect(() => parseJsonPathTemplate(template)).toThrow(message);
      expect(() => parseJsonPathTemplate(template)).toThrow(expect.objectContaining({ status: EXIT.usage }));
    });

  test("any text is a template or a usage error", () => {
    const piece = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ".",
      "..",
      "*",
      "?(",
      ")",
      "@",
      "'",
      '"',
      "range ",
      "end",
      "a",
      "0",
      ":",
      ",",
      "\\",
      "==",
      " ",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        try {
          render(pieces.join(""));
        } catch (error) {
          expect((error as { status?: number }).status).toBe(EXIT.usage);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
