import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createFakeClock } from "../testing/index.ts";
import { createSourceState } from "./source-state.ts";

function stateOf() {
  const clock = createFakeClock();
  let closed = 0;
  const onClose = (): void => {
    closed++;
  };
  const errors: unknown[] = [];
  const state = createSourceState<string>({
    clock,
    what: "identity",
    isSame: (a, b) => a === b,
    onClose,
    onFollowerError: (error) => errors.push(error),
  });
  return { clock, state, errors, closings: () => closed };
}

describe("a source", () => {
  test("blocks until the first value, and no longer than it was told to (C8)", async () => {
    const { clock, state } = stateOf();
    const late = assert.rejects(state.ready({ timeoutMs: 100 }), { code: "ERR_SOURCE_TIMEOUT" });
    const patient = state.ready({ timeoutMs: 101 });
    await clock.advance(100);
    await late;
    state.set("a");
    assert.equal(await patient, "a");
    assert.deepEqual(clock.pendingTimersMs, []);
  });

  test("a wait ends with the signal's reason", async () => {
    const { state } = stateOf();
    const stop = new AbortController();
    const waiting = state.ready({ signal: stop.signal });
    stop.abort(new Error("enough"));
    await assert.rejects(waiting, /enough/);
  });

  test("followers hear what is new, once, until they stop", () => {
    const { state } = stateOf();
    const heard: (string | undefined)[] = [];
    const stop = state.subscribe((value) => heard.push(value));
    for (const value of ["a", "a", "b", undefined, undefined]) state.set(value);
    stop();
    state.set("c");
    assert.deepEqual(heard, ["a", "b", undefined]);
  });

  test("a follower that throws stops neither the others, nor later values, nor the closing", async () => {
    const { state, errors, closings } = stateOf();
    const heard: (string | undefined)[] = [];
    state.subscribe((value) => {
      throw new Error(`cannot take ${value}`);
    });
    state.subscribe((value) => heard.push(value));
    state.set("a");
    state.set("b");
    await state.close();
    assert.deepEqual(heard, ["a", "b", undefined]);
    assert.deepEqual(errors.map(String), [
      "Error: cannot take a",
      "Error: cannot take b",
      "Error: cannot take undefined",
    ]);
    assert.equal(closings(), 1);
  });

  test("a closed one answers nothing, takes nothing and is closed once", async () => {
    const { state, closings } = stateOf();
    state.set("a");
    await state.close();
    await state.close();
    state.set("b");
    assert.equal(state.current(), undefined);
    assert.throws(() => state.inForce(), { code: "ERR_SOURCE_CLOSED" });
    await assert.rejects(state.ready(), { code: "ERR_SOURCE_CLOSED" });
    assert.equal(closings(), 1);
  });

  test("one that failed keeps what is in force", async () => {
    const { state } = stateOf();
    const waiting = assert.rejects(state.ready(), /refused/);
    state.fail(new Error("refused"));
    await waiting;
    state.set("a");
    assert.equal(await state.ready(), "a");
  });
});
