import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import type { PlaintextCaller } from "../../telemetry/index.ts";
import { createSqlitePlaintextCallerStore } from "./index.ts";

const KEEP = { notBefore: new Date("2026-01-01T00:00:00Z") };
const caller = (changes: Partial<PlaintextCaller> = {}): PlaintextCaller => ({
  namespace: "foo",
  workload: "Deployment httpbin",
  port: 8080,
  caller: "Deployment bar/curl",
  refused: false,
  count: 1,
  firstSeen: "2026-01-01T00:00:00.000Z",
  lastSeen: "2026-01-01T00:00:00.000Z",
  ...changes,
});

describe("the store of plaintext callers", () => {
  test("adds up what one caller did, with its first and its last time", () => {
    const store = createSqlitePlaintextCallerStore(new Database(":memory:", { strict: true }));
    const later = "2026-01-01T01:00:00.000Z";
    store.add([caller()], KEEP);
    store.add([caller({ count: 2, firstSeen: later, lastSeen: later })], KEEP);
    store.add([caller()], KEEP);
    expect(store.list()).toEqual([caller({ count: 4, lastSeen: later })]);
  });

  test("keeps ports, outcomes and namespaces apart; the latest first", () => {
    const store = createSqlitePlaintextCallerStore(new Database(":memory:", { strict: true }));
    const lastSeen = "2026-01-01T01:00:00.000Z";
    store.add(
      [caller(), caller({ port: 9000 }), caller({ refused: true, lastSeen }), caller({ namespace: "x" })],
      KEEP,
    );
    expect(store.list("foo").map(({ port, refused }) => [port, refused])).toEqual([
      [8080, true],
      [8080, false],
      [9000, false],
    ]);
    expect(store.list()).toHaveLength(4);
  });

  test("forgets who was last seen too long ago, not who was seen just then", () => {
    const store = createSqlitePlaintextCallerStore(new Database(":memory:", { strict: true }));
    store.add([caller({ caller: "old", lastSeen: "2025-12-31T23:59:59.999Z" }), caller()], KEEP);
    expect(store.list().map((each) => each.caller)).toEqual(["Deployment bar/curl"]);
  });

  test("is bounded: addresses of a scan that were seen longest ago go first", () => {
    const store = createSqlitePlaintextCallerStore(new Database(":memory:", { strict: true }));
    const times = Array.from({ length: 10_050 }, (_, n) => new Date(KEEP.notBefore.getTime() + n).toISOString());
    store.add(
      times.map((lastSeen) => caller({ caller: lastSeen, lastSeen })),
      KEEP,
    );
    expect(store.list()).toHaveLength(10_000);
    expect(store.list().at(-1)?.caller).toBe(times[50] ?? "");
  });
});
