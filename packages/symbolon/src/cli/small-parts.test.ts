import { describe, expect, test } from "bun:test";
import { formatAge } from "./commands/get/age.ts";
import { parseGetArguments } from "./commands/get/arguments.ts";
import { parseOutput } from "./commands/get/output-option.ts";
import { parseDuration } from "./duration.ts";
import { EXIT } from "./exit-status.ts";
import { formatTable } from "./table.ts";

const usage = (message: unknown) => expect.objectContaining({ status: EXIT.usage, message });

describe("durations", () => {
  test("are a number with its unit, or a sum of them", () => {
    for (const [text, seconds] of [
      ["90s", 90],
      ["15m", 900],
      ["24h", 86_400],
      ["7d", 604_800],
      ["1h30m", 5400],
      ["1d1h1m1s", 90_061],
      ["0s", 0],
    ] as const)
      expect(parseDuration("--svid-ttl", text)).toBe(seconds);
  });

  test("nearest misses are usage errors that name the option", () => {
    for (const text of ["", "90", "s", "1.5h", "-1h", "+1h", "1 h", "1H", "1w", "1h30", "h1", "1h ", "١s"])
      expect(() => parseDuration("--svid-ttl", text)).toThrow(
        usage(`error: --svid-ttl "${text}" is not a duration; write it as 90s, 15m, 24h or 7d`),
      );
  });
});

describe("tables", () => {
  test("have kubectl's widths: longest cell and three blanks, six at least, nothing behind the last", () => {
    expect(
      formatTable([
        ["NAME", "READY", "AGE"],
        ["httpbin-1", "1/1", "5s"],
        ["a", "", ""],
      ]),
    ).toBe("NAME        READY   AGE\nhttpbin-1   1/1     5s\na\n");
    expect(formatTable([["A", "B"]])).toBe("A     B\n");
    expect(formatTable([])).toBe("");
  });
});

describe("ages are kubectl's", () => {
  const now = new Date("2026-06-01T00:00:00Z");
  const MINUTE = 60;
  const HOUR = 3600;
  const DAY = 86_400;
  for (const [seconds, text] of [
    [0, "0s"],
    [119, "119s"],
    [120, "2m"],
    [121, "2m1s"],
    [599, "9m59s"],
    [10 * MINUTE, "10m"],
    [3 * HOUR - 1, "179m"],
    [3 * HOUR, "3h"],
    [3 * HOUR + 5 * MINUTE, "3h5m"],
    [8 * HOUR, "8h"],
    [2 * DAY - 1, "47h"],
    [2 * DAY + HOUR, "2d1h"],
    [8 * DAY, "8d"],
    [2 * 365 * DAY, "2y"],
    [3 * 365 * DAY + DAY, "3y1d"],
    [8 * 365 * DAY, "8y"],
    [-1, "0s"],
    [-2, "<invalid>"],
  ] as const)
    test(`${seconds} s: ${text}`, () => {
      expect(formatAge(new Date(now.getTime() - seconds * 1000).toISOString(), now)).toBe(text);
    });

  test("of nothing, and of what is no time", () => {
    expect([formatAge(undefined, now), formatAge("yesterday", now)]).toEqual(["<unknown>", "<unknown>"]);
  });
});

describe("what `get` is asked for", () => {
  const kinds = (first: string, ...rest: readonly string[]) =>
    parseGetArguments(first, rest).kinds.map(({ kind }) => kind) as string[];

  test("a kind, several, or all", () => {
    expect(kinds("po")).toEqual(["Pod"]);
    expect(kinds("Pods")).toEqual(["Pod"]);
    expect(kinds("deploy,svc")).toEqual(["Deployment", "Service"]);
    expect(kinds("all")).toEqual(["Pod", "Service", "Deployment"]);
    expect(kinds("all,pa")).toEqual(["Pod", "Service", "Deployment", "PeerAuthentication"]);
  });

  test("names of one kind, or each with its kind", () => {
    expect(parseGetArguments("pod", ["a", "b"]).names).toEqual([
      { kind: "Pod", name: "a" },
      { kind: "Pod", name: "b" },
    ]);
    expect(parseGetArguments("pod/a", ["svc/b"]).names).toEqual([
      { kind: "Pod", name: "a" },
      { kind: "Service", name: "b" },
    ]);
    expect(kinds("pod/a", "pod/b")).toEqual(["Pod"]);
  });

  test("is written in messages as kubectl does", () => {
    const { resource } = parseGetArguments("pod", []);
    expect(["Pod", "Deployment", "PeerAuthentication", "Other"].map(resource)).toEqual([
      "pod",
      "deployment.apps",
      "peerauthentication.security.istio.io",
      "other",
    ]);
  });

  test("nearest misses are usage errors", () => {
    for (const [first, ...rest] of [
      ["pod,svc", "a"],
      ["all", "a"],
      ["pod/"],
      ["/a"],
      ["pod/a", "b"],
      ["pdo"],
      ["pod,"],
      [""],
    ])
      expect(() => parseGetArguments(first ?? "", rest)).toThrow(usage(expect.stringMatching(/^error: /)));
    expect(() => parseGetArguments("pdos", [])).toThrow(/did you mean "pods"\?/);
  });
});

describe("-o", () => {
  test("is one of kubectl's forms", () => {
    expect(parseOutput(undefined)).toEqual({ kind: "table", wide: false });
    expect(parseOutput("wide")).toEqual({ kind: "table", wide: true });
    for (const kind of ["json", "yaml", "name"] as const) expect(parseOutput(kind)).toEqual({ kind });
    expect(parseOutput("jsonpath={.a}")).toMatchObject({ kind: "jsonpath" });
  });

  test("nearest misses are usage errors", () => {
    for (const text of ["", "JSON", "jsonpath", "jsonpath:{.a}", "custom-columns=A:.a", "wide "])
      expect(() => parseOutput(text)).toThrow(
        usage(`error: -o "${text}" is not one of wide, json, yaml, name, jsonpath=TEMPLATE`),
      );
  });
});
