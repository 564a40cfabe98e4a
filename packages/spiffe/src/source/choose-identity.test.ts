import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { BundleSet } from "../bundle/index.ts";
import { createTestAuthority, type FakeWorkloadApi, startFakeWorkloadApi } from "../testing/index.ts";
import type { StreamProblem } from "../workload-api/index.ts";
import { createX509Source, startX509Source, type X509SourceOptions } from "./index.ts";

const root = createTestAuthority("example.org");
const bundles = BundleSet.of(root.bundle);
/** Identities as "path#hint". */
const stateOf = (...identities: readonly string[]) => ({
  svids: identities.map((identity) => {
    const [path = "", hint = ""] = identity.split("#");
    return { svid: root.issue(path), hint };
  }),
  bundles,
});

const open: AsyncDisposable[] = [];
function kept<T extends AsyncDisposable>(resource: T): T {
  open.push(resource);
  return resource;
}
afterEach(async () => {
  for (let each = open.pop(); each; each = open.pop()) await each[Symbol.asyncDispose]();
});

/** The next problem that the source reports. */
function problems() {
  let hear = (_problem: StreamProblem): void => {};
  return {
    onProblem: (problem: StreamProblem) => hear(problem),
    next: () =>
      new Promise<StreamProblem>((resolve) => {
        hear = resolve;
      }),
  };
}

async function sourceOf(api: FakeWorkloadApi, options: X509SourceOptions) {
  return kept(await createX509Source({ socket: api.socket, ...options }));
}

describe("of several identities a source takes", () => {
  const cases: readonly (readonly [string, X509SourceOptions, string])[] = [
    ["the first, when nothing else is said (C6)", {}, "/a"],
    ["the one with the hint", { hint: "internal" }, "/b"],
    ["the one that the picker wants", { picker: (svids) => svids.at(-1)?.svid }, "/c"],
    ["what the picker wants among those with the hint", { hint: "", picker: (svids) => svids.at(-1)?.svid }, "/a"],
  ];
  for (const [what, options, path] of cases) {
    test(what, async () => {
      const api = kept(await startFakeWorkloadApi({ state: stateOf("/a", "/b#internal", "/c#external") }));
      const source = await sourceOf(api, options);
      assert.equal(source.spiffeId.path, path);
      assert.deepEqual(
        source.current()?.svids.map(({ svid }) => svid.spiffeId.path),
        ["/a", "/b", "/c"],
      );
    });
  }

  test("the one with the hint also after a rotation that turns their order around", async () => {
    const api = kept(await startFakeWorkloadApi({ state: stateOf("/a#x", "/b#y") }));
    const source = await sourceOf(api, { hint: "y" });
    const next = new Promise((resolve) => source.subscribe(resolve));
    api.update(stateOf("/c#y", "/d#x"));
    await next;
    assert.equal(source.spiffeId.path, "/c");
  });

  test("what a picker that has thrown chooses of the next update", async () => {
    const api = kept(await startFakeWorkloadApi({ state: stateOf("/a") }));
    const { onProblem, next } = problems();
    const heard = next();
    const picker: X509SourceOptions["picker"] = (svids) => {
      const [, second] = svids;
      if (!second) throw new TypeError("there is no second");
      return second.svid;
    };
    const source = kept(startX509Source({ socket: api.socket, picker, onProblem }));
    const { error, outcome } = await heard;
    assert.deepEqual(
      [outcome, error.code, error.message],
      ["discarded", "ERR_SOURCE_NO_IDENTITY", "the picker threw: there is no second"],
    );
    api.update(stateOf("/a", "/b"));
    assert.equal((await source.ready()).svid.spiffeId.path, "/b");
  });

  test("none that is not wanted: it waits, and says which there are", async () => {
    const api = kept(await startFakeWorkloadApi({ state: stateOf("/a#x") }));
    const { onProblem, next } = problems();
    const heard = next();
    const source = kept(startX509Source({ socket: api.socket, hint: "y", onProblem }));
    const { error, outcome } = await heard;
    assert.equal(outcome, "discarded");
    assert.equal(error.code, "ERR_SOURCE_NO_IDENTITY");
    assert.match(error.message, /"spiffe:\/\/example\.org\/a" \(hint "x"\) none has the hint "y"/);
    assert.equal(source.current(), undefined);
    const ready = source.ready();
    api.update(stateOf("/a#x", "/b#y"));
    assert.equal((await ready).svid.spiffeId.path, "/b");
  });

  for (const [what, options] of [
    ["hint", { hint: "y" }],
    ["picker", { picker: (svids) => svids.find(({ hint }) => hint === "y")?.svid }],
  ] as readonly (readonly [string, X509SourceOptions])[]) {
    test(`the old one further when an update has none for the ${what}`, async () => {
      const api = kept(await startFakeWorkloadApi({ state: stateOf("/a#x", "/b#y") }));
      const { onProblem, next } = problems();
      const source = await sourceOf(api, { ...options, onProblem });
      const { svid } = source;
      const heard = next();
      api.update(stateOf("/a#x"));
      assert.equal((await heard).error.code, "ERR_SOURCE_NO_IDENTITY");
      assert.equal(source.svid, svid);
    });
  }
});
