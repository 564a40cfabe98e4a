import { describe, expect, test } from "bun:test";
import { only, read } from "../../../../test/fakes/manifests.ts";
import { describeSelector, parseLabelSelector, selectorMatches } from "./label-selector.ts";

const objects: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  web: { app: "web", tier: "front" },
  db: { app: "db", tier: "back", old: "" },
  bare: {},
};

function selected(text: string): readonly string[] {
  const selector = parseLabelSelector(text);
  if ("error" in selector) throw new Error(selector.error);
  return Object.keys(objects).filter((name) => selectorMatches(selector, objects[name] ?? {}));
}

describe("parseLabelSelector", () => {
  test("selects as kubectl does", () => {
    const cases: Readonly<Record<string, readonly string[]>> = {
      "app=web": ["web"],
      "app==web": ["web"],
      "app!=web": ["db", "bare"],
      "app=web,tier=front": ["web"],
      "app=web , tier = back": [],
      "app in (web,db)": ["web", "db"],
      "app in(db)": ["db"],
      "app in ( web , db ),tier=back": ["db"],
      "app notin (web)": ["db", "bare"],
      app: ["web", "db"],
      "!app": ["bare"],
      "! app": ["bare"],
      "old=": ["db"],
      "old in ()": ["db"],
      "": ["web", "db", "bare"],
      "  ": ["web", "db", "bare"],
    };
    for (const [text, names] of Object.entries(cases))
      expect({ text, names: selected(text) }).toEqual({ text, names: [...names] });
  });

  test("refuses whatever could select more than was meant", () => {
    const bad = [
      "app(",
      "(app",
      "app)",
      "app=web,",
      ",app",
      "app,,tier",
      "app=web=db",
      "app=a b",
      "app=a/b",
      "app in web",
      "app in (web",
      "app in (web))",
      "app in (a b)",
      "app in ((a),b)",
      "!",
      "!app=web",
      "=web",
      "a b",
      "/app",
      "app>1",
      `app=${"v".repeat(64)}`,
    ];
    for (const text of bad)
      expect({ text, result: parseLabelSelector(text) }).toEqual({ text, result: { error: expect.any(String) } });
    expect(parseLabelSelector("app=web,tier~x")).toEqual({
      error: '"tier~x" is not a label requirement such as app=web, app!=web, app in (a,b), app or !app',
    });
  });

  test("describes itself in its own grammar", () => {
    for (const text of ["app=web", "app in (a,b),tier notin (c),old,!new"]) {
      const selector = parseLabelSelector(text);
      if ("error" in selector) throw new Error(selector.error);
      expect(describeSelector(selector)).toBe(text);
    }
  });

  test("takes linear time on long input", () => {
    expect(parseLabelSelector("a,".repeat(50_000))).toHaveProperty("error");
    expect(parseLabelSelector("(".repeat(100_000))).toHaveProperty("error");
  });
});

const deployment = (selector: string, labels: string) => `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: ${selector}
  template:
    metadata:
      labels: ${labels}
    spec: {containers: [{name: c, image: i}]}
`;

describe("selector of a Deployment", () => {
  test("labels and expressions must all match the template", () => {
    const selector =
      "{matchLabels: {app: web}, matchExpressions: [{key: tier, operator: In, values: [a, b]}, {key: x, operator: DoesNotExist}]}";
    expect(only("Deployment", deployment(selector, "{app: web, tier: b}")).meta.name).toBe("web");
    expect(read(deployment(selector, "{app: web, tier: c}")).lines).toEqual([
      "6:3: error SYM2101 spec.template.metadata.labels: `selector` does not match template `labels`: wanted app=web,tier in (a,b),!x, got app=web,tier=c",
    ]);
    expect(read(deployment("{matchLabels: {app: web}}", "{}")).lines[0]).toEndWith("wanted app=web, got no labels");
  });

  test("an empty one is refused: it would adopt every pod", () => {
    expect(read(deployment("{}", "{app: web}")).lines).toEqual([
      "5:3: error SYM2101 spec.selector: empty selector is invalid for deployment",
    ]);
    expect(read(deployment("null", "{app: web}")).lines[0]).toContain(
      "SYM0103 spec.selector: required field is missing",
    );
  });

  test("operators take values or do not", () => {
    const expression = (text: string) => read(deployment(`{matchExpressions: [${text}]}`, "{app: web}")).lines;
    expect(expression("{key: app, operator: In}")[0]).toContain("values: must be given with In");
    expect(expression("{key: app, operator: In, values: []}")[0]).toContain("values: must be given with In");
    expect(expression("{key: app, operator: Exists, values: [x]}")[0]).toContain("may not be given with Exists");
    expect(expression("{key: app, operator: in, values: [x]}")[0]).toContain('unknown value "in"');
    expect(expression("{key: app, operator: Exists}")).toEqual([]);
  });

  test("a bad label is named at its place", () => {
    expect(read(deployment('{matchLabels: {app: "a b"}}', "{app: web}")).lines[0]).toStartWith(
      '5:33: error SYM0205 spec.selector.matchLabels.app: invalid value "a b"',
    );
    expect(read(deployment("{matchExpressions: [{key: -a, operator: Exists}]}", "{app: web}")).lines[0]).toContain(
      "SYM0205",
    );
  });
});
