import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { BundleSet } from "../bundle/index.ts";
import { createFakeClock, createTestAuthority, startFakeWorkloadApi } from "../testing/index.ts";
import { createWorkloadApiClient } from "./index.ts";

const root = createTestAuthority("example.org");
const other = createTestAuthority("other.example");
const state = {
  svids: [
    { svid: root.issue("/a"), hint: "x" },
    { svid: root.issue("/b"), hint: "x" },
    { svid: root.issue("/c"), hint: "" },
  ],
  bundles: BundleSet.of(root.bundle, other.bundle),
};

const open: AsyncDisposable[] = [];
function kept<T extends AsyncDisposable>(resource: T): T {
  open.push(resource);
  return resource;
}
afterEach(async () => {
  for (let each = open.pop(); each; each = open.pop()) await each[Symbol.asyncDispose]();
});

describe("a client of the Workload API", () => {
  test("takes the first identity as the default, and the first of two with the same hint (C6)", async () => {
    const api = kept(await startFakeWorkloadApi({ state }));
    const client = kept(createWorkloadApiClient({ socket: api.socket }));
    const { svid, svids } = await client.fetchX509Context();
    assert.equal(svid.spiffeId.path, "/a");
    assert.deepEqual(
      svids.map((each) => each.svid.spiffeId.path),
      ["/a", "/c"],
    );
  });

  test("drops a domain that the next message does not have (C4)", async () => {
    const api = kept(await startFakeWorkloadApi({ state }));
    const client = kept(createWorkloadApiClient({ socket: api.socket }));
    const sizes: boolean[] = [];
    for await (const { bundles } of client.watchX509Context()) {
      sizes.push(bundles.get(other.bundle.trustDomain) !== undefined);
      if (sizes.length === 2) break;
      api.update({ ...state, bundles: BundleSet.of(root.bundle) });
    }
    assert.deepEqual(sizes, [true, false]);
  });

  test("gives up at its deadline, and at once when its signal says so", async () => {
    const clock = createFakeClock();
    const api = kept(await startFakeWorkloadApi({ state }));
    const client = kept(createWorkloadApiClient({ socket: api.socket, clock }));
    await client.fetchX509Context();
    api.failNext("FetchX509SVID", { kind: "silence" }, { kind: "silence" });
    const late = assert.rejects(client.fetchX509Context({ timeoutMs: 50 }), { code: "ERR_WORKLOAD_API_DEADLINE" });
    await clock.advance(50);
    await late;
    const stop = new AbortController();
    const stopped = assert.rejects(client.fetchX509Context({ signal: stop.signal }), /enough/);
    stop.abort(new Error("enough"));
    await stopped;
  });
});
