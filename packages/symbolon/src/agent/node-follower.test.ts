import { describe, expect, test } from "bun:test";
import { BundleSet, JwtBundleSet } from "@symbolon/spiffe/bundle";
import { createObservable, SymbolonError, silentLog } from "@symbolon/spiffe/core";
import { createFakeClock, createFakeRandom } from "@symbolon/spiffe/testing";
import { testEntry } from "../../../../test/fakes/registration-entries.ts";
import { followNode } from "./node-follower.ts";
import type { NodeClient, NodeState } from "./ports.ts";

const stateOf = (...ids: readonly string[]): NodeState => ({
  bundles: BundleSet.of(),
  jwtBundles: JwtBundleSet.of(),
  entries: ids.map((id) => testEntry({ id })),
});

/** A CA that a test starts and ends. */
function harness() {
  const clock = createFakeClock();
  let tell: ((state: NodeState) => void) | undefined;
  let end: (() => void) | undefined;
  let away = false;
  let calls = 0;
  const problem = createObservable<string | undefined>(undefined);
  const told: (string | undefined)[] = [];
  const client: NodeClient = {
    watchNode(follower, signal, about) {
      calls++;
      told.push(about);
      if (away) return Promise.reject(new SymbolonError("ERR_CA_CALL_RETRYABLE", "connect"));
      return new Promise((resolve, reject) => {
        tell = follower;
        end = () => reject(new SymbolonError("ERR_CA_CALL_RETRYABLE", "ended"));
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    },
    createX509Svid: () => Promise.reject(new Error("not asked for here")),
    createJwtSvid: () => Promise.reject(new Error("not asked for here")),
    close() {},
  };
  const follower = followNode({ client, problem, clock, random: createFakeRandom(1), log: silentLog });
  const ids = () => follower.state.current?.entries.map(({ id }) => id);
  return {
    clock,
    follower,
    ids,
    calls: () => calls,
    problem,
    told,
    tell: (...of: readonly string[]) => tell?.(stateOf(...of)),
    setAway(value: boolean) {
      away = value;
      if (value) end?.();
    },
  };
}

describe("an agent follows the CA's state", () => {
  test("from nothing, through every change", async () => {
    const { follower, ids, tell } = harness();
    expect(ids()).toBeUndefined();
    tell("a");
    expect(ids()).toEqual(["a"]);
    tell();
    expect(ids()).toEqual([]);
    await follower.close();
  });

  test("keeps the last one while the CA is away, asks again within two seconds, and takes the next one", async () => {
    const { clock, follower, ids, tell, setAway, calls } = harness();
    tell("a");
    setAway(true);
    await clock.advance(60_000);
    expect(ids()).toEqual(["a"]);
    expect(calls()).toBeGreaterThan(30);
    expect(calls()).toBeLessThan(200);
    setAway(false);
    await clock.advance(2000);
    tell("b");
    expect(ids()).toEqual(["b"]);
    await follower.close();
  });

  test("ends when it is closed, with nothing left behind", async () => {
    const { clock, follower, setAway } = harness();
    setAway(true);
    await clock.advance(0);
    await follower.close();
    expect(clock.pendingTimersMs).toEqual([]);
  });

  test("says what is wrong with it, watches anew when that changes, at most once a second, and keeps the state meanwhile", async () => {
    const { clock, follower, ids, tell, problem, told } = harness();
    tell("a");
    problem.set("disk full");
    await clock.advance(0);
    problem.set("input/output error");
    await clock.advance(999);
    expect(told).toEqual([undefined]);
    expect(ids()).toEqual(["a"]);
    await clock.advance(1);
    expect(told).toEqual([undefined, "input/output error"]);
    // The same again is no change.
    problem.set("input/output error");
    await clock.advance(10_000);
    expect(told).toHaveLength(2);
    problem.set(undefined);
    await clock.advance(1000);
    expect(told).toEqual([undefined, "input/output error", undefined]);
    await follower.close();
    expect(clock.pendingTimersMs).toEqual([]);
  });

  test("says it again to a CA that has come back", async () => {
    const { clock, follower, problem, told, setAway } = harness();
    setAway(true);
    problem.set("disk full");
    await clock.advance(10_000);
    setAway(false);
    await clock.advance(2000);
    expect(told.at(-1)).toBe("disk full");
    await follower.close();
  });
});
