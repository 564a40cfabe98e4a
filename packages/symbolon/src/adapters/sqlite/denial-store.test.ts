import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import type { StoredDenial } from "../../telemetry/index.ts";
import { createSqliteDenialStore } from "./index.ts";

const NOW = new Date("2026-01-02T00:00:00Z");
const KEEP = { now: NOW, notBefore: new Date("2026-01-01T00:00:00Z"), atMost: 100 };

function denial(id: string, changes: { requestId?: string; namespace?: string; podName?: string } = {}) {
  const { namespace = "foo", podName = "httpbin-7c5ddbdf54-abcde", requestId } = changes;
  const workload = { namespace, podName, podUid: "u" };
  return { id, workload, ...(requestId ? { requestId } : {}) } as unknown as StoredDenial;
}

function fixture() {
  const store = createSqliteDenialStore(new Database(":memory:", { strict: true }));
  const ids = (query: Partial<Parameters<typeof store.list>[0]> = {}) =>
    store.list({ last: 50, ...query }).map(({ id }) => id);
  return { store, ids };
}

describe("the store of denials", () => {
  test("gives the newest, oldest of them first, or those after one", () => {
    const { store, ids } = fixture();
    store.write(
      ["a", "b", "c", "d"].map((id) => denial(id)),
      KEEP,
    );
    expect(ids()).toEqual(["a", "b", "c", "d"]);
    expect(ids({ last: 2 })).toEqual(["c", "d"]);
    const [, b] = store.list({ last: 50 });
    expect(ids({ after: b?.sequence ?? 0, last: 1 })).toEqual(["c"]);
  });

  test("finds by request, and by workload or its pod, not by a name that merely begins alike", () => {
    const { store, ids } = fixture();
    store.write(
      [
        denial("a", { requestId: "r1" }),
        denial("b", { podName: "httpbin-v2-7c5ddbdf54-abcde" }),
        denial("c", { podName: "httpbin2-7c5ddbdf54-abcde" }),
        denial("d", { namespace: "bar" }),
      ],
      KEEP,
    );
    expect(ids({ requestId: "r1" })).toEqual(["a"]);
    expect(ids({ requestId: "b" })).toEqual(["b"]);
    expect(ids({ namespace: "foo", workload: "httpbin-7c5ddbdf54-abcde" })).toEqual(["a"]);
    expect(ids({ namespace: "foo", workload: "httpbin2" })).toEqual(["c"]);
    expect(ids({ namespace: "bar", workload: "httpbin" })).toEqual(["d"]);
    expect(ids({ namespace: "foo", workload: "%" })).toEqual([]);
  });

  test("knows what it has, and takes nothing twice", () => {
    const { store, ids } = fixture();
    store.write([denial("a")], KEEP);
    expect(store.onlyNew([denial("a"), denial("b")]).map(({ id }) => id)).toEqual(["b"]);
    store.write([denial("a"), denial("b")], KEEP);
    expect(ids()).toEqual(["a", "b"]);
  });

  test("forgets what is older than it should keep, not what is exactly as old", () => {
    const { store, ids } = fixture();
    store.write([denial("old")], { ...KEEP, now: new Date(KEEP.notBefore.getTime() - 1) });
    store.write([denial("edge")], { ...KEEP, now: KEEP.notBefore });
    store.write([denial("new")], KEEP);
    expect(ids()).toEqual(["edge", "new"]);
  });

  test("keeps the newest when there are more than it should keep", () => {
    const { store, ids } = fixture();
    for (let n = 0; n < 12; n++) store.write([denial(`${n}`)], { ...KEEP, atMost: 10 });
    expect(ids()).toEqual(Array.from({ length: 10 }, (_, n) => `${n + 2}`));
  });
});
