import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createFakeClock } from "../testing/index.ts";
import { followStream, type StreamProblem } from "./follow-stream.ts";
import { grpcError } from "./grpc-status.ts";
import { malformed } from "./protobuf-reader.ts";

interface Step {
  /** 0 is one that cannot be decoded. */
  readonly messages?: readonly number[];
  readonly lastsMs?: number;
  /** What it ends with; without it, the server just ends it. */
  readonly status?: number;
}

/** Follows streams that go as `steps` say, with no time passing between them, until there is no step left. */
async function follow(steps: readonly Step[]) {
  const clock = createFakeClock();
  const stop = new AbortController();
  const values: number[] = [];
  const problems: StreamProblem[] = [];
  const waitsMs: number[] = [];
  let opened = 0;
  const following = followStream<number>({
    async *open() {
      const step = steps[opened];
      if (!step) return stop.abort();
      opened++;
      for (const message of step.messages ?? []) yield Uint8Array.of(message);
      await clock.advance(step.lastsMs ?? 0);
      if (step.status !== undefined) throw grpcError("M", step.status, "");
    },
    decode([byte = 0]) {
      if (byte === 0) throw malformed("zero");
      return byte;
    },
    onValue: (value) => values.push(value),
    onProblem: (problem) => problems.push(problem),
    clock: {
      now: clock.now,
      monotonicMs: clock.monotonicMs,
      setTimer(delayMs, run) {
        waitsMs.push(delayMs);
        queueMicrotask(run);
        return { cancel: () => {} };
      },
    },
    // The whole window, so that it can be seen.
    random: { fraction: () => 1, bytes: (length) => new Uint8Array(length) },
    signal: stop.signal,
    background: false,
  });
  const end = await following.then(
    () => "stopped",
    (error: { readonly code: string }) => error.code,
  );
  return { end, values, opened, waitsMs, outcomes: problems.map(({ outcome }) => outcome) };
}

describe("a followed stream", () => {
  test("that had lasted is opened again at once, and one that had not after a pause (C1)", async () => {
    const { waitsMs, outcomes } = await follow([
      { messages: [1], lastsMs: 1000 },
      { messages: [2], lastsMs: 999 },
    ]);
    assert.deepEqual(waitsMs, [0, 200]);
    assert.deepEqual(outcomes, []);
  });

  test("backs off from 0.2 s to 10 s without end, and a good message resets that (C1, C7)", async () => {
    const down = Array.from({ length: 8 }, () => ({ status: 14 }));
    const { waitsMs } = await follow([...down, { messages: [1], status: 14 }, { status: 14 }]);
    assert.deepEqual(waitsMs, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 200, 400]);
  });

  test("a message that is not acceptable does not reset the back-off (C1)", async () => {
    const { waitsMs } = await follow([{ status: 14 }, { messages: [0], status: 14 }]);
    assert.deepEqual(waitsMs, [200, 400]);
  });

  for (const [status, code] of [
    [3, "ERR_WORKLOAD_API_REFUSED"],
    [12, "ERR_WORKLOAD_API_UNIMPLEMENTED"],
  ] as const) {
    test(`ends with ${code}, and is not opened again (C2)`, async () => {
      const { end, opened, outcomes } = await follow([{ messages: [1], status }, { messages: [2] }]);
      assert.deepEqual([end, opened, outcomes], [code, 1, ["ended"]]);
    });
  }

  test("is opened again after every other status (C2)", async () => {
    const others = [2, 4, 5, 7, 8, 9, 10, 11, 13, 14, 15, 16].map((status) => ({ status }));
    const { end, opened } = await follow(others);
    assert.deepEqual([end, opened], ["stopped", others.length]);
  });

  test("goes on after a message that is not acceptable (C3)", async () => {
    const { values, outcomes, opened } = await follow([{ messages: [1, 0, 2] }]);
    assert.deepEqual([values, outcomes, opened], [[1, 2], ["discarded"], 1]);
  });
});
