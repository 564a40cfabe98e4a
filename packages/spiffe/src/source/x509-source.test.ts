import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { BundleSet } from "../bundle/index.ts";
import { createFakeClock, createTestAuthority, type FakeFault, startFakeWorkloadApi } from "../testing/index.ts";
import { createWorkloadApiClient } from "../workload-api/index.ts";
import { createX509Source, startX509Source } from "./index.ts";

const root = createTestAuthority("example.org");
const bundles = BundleSet.of(root.bundle);
const stateOf = (path: string) => ({ svids: [{ svid: root.issue(path), hint: "" }], bundles });

const open: AsyncDisposable[] = [];
/** Ended after the test, the last one first; Node 22 has no `await using`. */
function kept<T extends AsyncDisposable>(resource: T): T {
  open.push(resource);
  return resource;
}
afterEach(async () => {
  for (let each = open.pop(); each; each = open.pop()) await each[Symbol.asyncDispose]();
});

describe("an X.509 source", () => {
  test("waits for its first update, follows a rotation, and comes back after the agent has crashed (C1, C8)", async () => {
    const api = kept(await startFakeWorkloadApi({ state: stateOf("/a") }));
    const source = kept(await createX509Source({ socket: api.socket }));
    assert.equal(source.spiffeId.toString(), "spiffe://example.org/a");
    assert.equal(api.calls[0]?.headers["workload.spiffe.io"], "true");
    for (const path of ["/b", "/c"]) {
      const next = new Promise((resolve) => source.subscribe(resolve));
      api.update(stateOf(path));
      await next;
      assert.equal(source.spiffeId.path, path);
      const back = new Promise((resolve) => source.subscribe(resolve));
      api.dropConnections();
      api.update(stateOf(`${path}/back`));
      await back;
      assert.equal(source.spiffeId.path, `${path}/back`);
    }
  });

  test("an identity that is withdrawn is used until the grace is over (C5)", async () => {
    const clock = createFakeClock();
    const api = kept(await startFakeWorkloadApi({ state: stateOf("/a") }));
    let denied = (): void => {};
    const heard = new Promise<void>((resolve) => {
      denied = resolve;
    });
    const source = kept(startX509Source({ socket: api.socket, clock, denialGraceMs: 5000, onProblem: () => denied() }));
    await source.ready();
    api.update({});
    await heard;
    await clock.advance(4999);
    assert.equal(source.current()?.svid.spiffeId.path, "/a");
    await clock.advance(1);
    assert.equal(source.current(), undefined);
    assert.throws(() => source.svid, { code: "ERR_SOURCE_NO_IDENTITY" });
  });

  test("a message that is not acceptable is dropped, and what was there stays (C3)", async () => {
    const api = kept(await startFakeWorkloadApi({ state: stateOf("/a") }));
    let hear = (_outcome: string): void => {};
    const heard = new Promise<string>((resolve) => {
      hear = resolve;
    });
    const source = kept(await createX509Source({ socket: api.socket, onProblem: ({ outcome }) => hear(outcome) }));
    api.failOpen("FetchX509SVID", { kind: "message", bytes: Uint8Array.of(1, 2, 3) });
    assert.equal(await heard, "discarded");
    assert.equal(source.spiffeId.path, "/a");
  });
});

describe("a fetch meets", () => {
  const cases: readonly (readonly [string, FakeFault, string])[] = [
    ["no identity", { kind: "status", code: 7, text: "no identity issued" }, "ERR_WORKLOAD_API_NO_IDENTITY"],
    ["a wrong request", { kind: "status", code: 3, text: "no" }, "ERR_WORKLOAD_API_REFUSED"],
    ["a method that is not there", { kind: "http", status: 404 }, "ERR_WORKLOAD_API_UNIMPLEMENTED"],
    ["a busy server", { kind: "http", status: 503 }, "ERR_WORKLOAD_API_UNAVAILABLE"],
    ["garbage", { kind: "message", bytes: Uint8Array.of(1, 2, 3) }, "ERR_WORKLOAD_API_RESPONSE_INVALID"],
    ["a cut message", { kind: "frame", bytes: Uint8Array.of(0, 0, 0, 0, 9, 1) }, "ERR_WORKLOAD_API_RESPONSE_INVALID"],
    ["too much", { kind: "frame", bytes: Uint8Array.of(0, 255, 0, 0, 9) }, "ERR_WORKLOAD_API_RESPONSE_TOO_LARGE"],
    ["a cut connection", { kind: "drop" }, "ERR_WORKLOAD_API_UNREACHABLE"],
  ];
  for (const [name, fault, code] of cases) {
    test(`${name}: ${code}`, async () => {
      const api = kept(await startFakeWorkloadApi({ state: stateOf("/a") }));
      const client = kept(createWorkloadApiClient({ socket: api.socket }));
      api.failNext("FetchX509SVID", fault);
      await assert.rejects(client.fetchX509Context(), { code });
      assert.equal((await client.fetchX509Context()).svid.spiffeId.path, "/a");
    });
  }
});
