import { describe, expect, test } from "bun:test";
import { testEntry, testSelector } from "../../../../test/fakes/registration-entries.ts";
import { explainEntries } from "./explain-entries.ts";

const LIMITS = { x509LifetimeSeconds: 86_400, jwtLifetimeSeconds: 300, signingRemainingSeconds: 1_000_000 };
const PROCESS = ["unix:uid:1000", "unix:supplementary_gid:4", "unix:supplementary_gid:27", "systemd:id:web.service"];

function explain(entries: readonly ReturnType<typeof testEntry>[], options: Partial<typeof LIMITS> = {}) {
  const unknown = new Map([["unix:path", "EACCES"]]);
  return explainEntries(entries, PROCESS.map(testSelector), { unknown, limits: { ...LIMITS, ...options } });
}
const differenceOf = (...selectors: string[]) => explain([testEntry({ selectors })])[0]?.difference;

describe("explainEntries", () => {
  test("an entry whose selectors all hold has no difference", () => {
    expect(differenceOf("unix:uid:1000")).toBeUndefined();
    expect(differenceOf("systemd:id:web.service", "unix:supplementary_gid:27")).toBeUndefined();
  });

  test("the first selector that does not hold is named, with what the process has instead", () => {
    expect(differenceOf("unix:uid:1000", "unix:supplementary_gid:5", "systemd:id:other.service")).toEqual({
      wanted: "unix:supplementary_gid:5",
      got: ["unix:supplementary_gid:4", "unix:supplementary_gid:27"],
    });
    expect(differenceOf("unix:uid:100")).toEqual({ wanted: "unix:uid:100", got: ["unix:uid:1000"] });
  });

  test("what could not be read, what the process has not, and what nobody attests are told apart", () => {
    expect(differenceOf("unix:path:/usr/bin/node")).toEqual({
      wanted: "unix:path:/usr/bin/node",
      got: [],
      reason: "EACCES",
    });
    expect(differenceOf("container:id:abc")?.reason).toBe("no container runtime of the system runs it");
    expect(differenceOf("k8s:ns:foo")?.reason).toStartWith("selectors of this kind are not attested here");
  });

  test("every entry is there, in the order of the identities (S6)", () => {
    const entries = [testEntry({ id: "b" }), testEntry({ id: "a", selectors: ["unix:uid:1"] }), testEntry({ id: "c" })];
    expect(explain(entries).map(({ entry, difference }) => [entry.id, difference === undefined])).toEqual([
      ["b", true],
      ["a", false],
      ["c", true],
    ]);
  });

  test("a hint that an older entry of the process has is not given twice; one of another's entry is no matter (S5)", () => {
    const older = testEntry({ id: "1", hint: "db", createdAt: new Date("2025-01-01T00:00:00Z") });
    const younger = testEntry({ id: "2", hint: "db" });
    const foreign = testEntry({ id: "0", hint: "db", selectors: ["unix:uid:1"], createdAt: new Date(0) });
    expect(explain([foreign, older, younger]).map(({ hintTaken }) => hintTaken)).toEqual([false, false, true]);
  });

  test.each([
    [{}, {}, { seconds: 86_400, because: "default", wantedSeconds: 86_400 }],
    [{ x509LifetimeSeconds: 3600 }, {}, { seconds: 3600, because: "entry", wantedSeconds: 3600 }],
    [
      { x509LifetimeSeconds: 3600 },
      { signingRemainingSeconds: 1800.9 },
      { seconds: 1800, because: "signing certificate ends", wantedSeconds: 3600 },
    ],
    [{}, { signingRemainingSeconds: -5 }, { seconds: 0, because: "signing certificate ends", wantedSeconds: 86_400 }],
    [
      { x509LifetimeSeconds: 60 },
      { signingRemainingSeconds: 60 },
      { seconds: 60, because: "entry", wantedSeconds: 60 },
    ],
  ] as const)("lifetime of a certificate: %j with %j", (entry, limits, expected) => {
    expect(explain([testEntry(entry)], limits)[0]?.x509Lifetime).toEqual(expected);
  });

  test("a token's lifetime does not depend on the signing certificate", () => {
    const [first] = explain([testEntry({ jwtLifetimeSeconds: 600 })], { signingRemainingSeconds: 10 });
    expect(first?.jwtLifetime).toEqual({ seconds: 600, because: "entry", wantedSeconds: 600 });
    expect(explain([testEntry()])[0]?.jwtLifetime.because).toBe("default");
  });
});
