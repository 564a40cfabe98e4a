import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createFakeClock, createFakeRandom } from "../testing/index.ts";
import { grpcError } from "./grpc-status.ts";
import { watch } from "./watch.ts";

/** A watch over streams whose messages the test sends itself; a value is the message's first byte. */
function watched(signal?: AbortSignal) {
  const clock = createFakeClock();
  const queue: number[] = [];
  let wake = (): void => {};
  let end: Error | undefined;
  const streams: AbortSignal[] = [];
  const values = watch<number>({
    async *open(streamSignal) {
      streams.push(streamSignal);
      streamSignal.addEventListener("abort", () => wake());
      for (;;) {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) yield Uint8Array.of(next);
        if (end) throw end;
        if (streamSignal.aborted) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    decode: ([byte = 0]) => byte,
    onProblem: () => {},
    clock,
    random: createFakeRandom(),
    signal,
    background: false,
  });
  return {
    values,
    streams,
    /** Sends them, and lets them arrive. */
    async send(...bytes: readonly number[]): Promise<void> {
      queue.push(...bytes);
      wake();
      await clock.advance(0);
    },
    async endWith(status: number): Promise<void> {
      end = grpcError("M", status, "");
      wake();
      await clock.advance(0);
    },
  };
}

describe("a watch", () => {
  test("gives a slow reader the newest value, and none of those in between (S2)", async () => {
    const { values, send } = watched();
    const first = values.next();
    await send(1);
    assert.deepEqual(await first, { done: false, value: 1 });
    await send(2, 3);
    await send(4);
    assert.deepEqual(await values.next(), { done: false, value: 4 });
    const next = values.next();
    await send(5);
    assert.deepEqual(await next, { done: false, value: 5 });
    await values.return();
  });

  test("opens no stream before somebody reads, and ends it when the loop is left", async () => {
    const { values, send, streams } = watched();
    await send(1);
    assert.equal(streams.length, 0);
    for await (const value of values) {
      assert.equal(value, 1);
      assert.equal(streams[0]?.aborted, false);
      break;
    }
    assert.deepEqual(
      streams.map(({ aborted }) => aborted),
      [true],
    );
  });

  test("throws the signal's reason to who waits, and ends its stream", async () => {
    const stop = new AbortController();
    const { values, send, streams } = watched(stop.signal);
    const first = values.next();
    await send(1);
    await first;
    const waiting = assert.rejects(values.next(), /enough/);
    stop.abort(new Error("enough"));
    await waiting;
    assert.equal(streams[0]?.aborted, true);
  });

  test("does not begin under a signal that has been given", async () => {
    const { values, streams } = watched(AbortSignal.abort(new Error("before")));
    await assert.rejects(values.next(), /before/);
    assert.equal(streams.length, 0);
  });

  test("gives the newest value before the error that ended it (C2)", async () => {
    const { values, send, endWith } = watched();
    const first = values.next();
    await send(1);
    await first;
    await send(2);
    await endWith(3);
    assert.deepEqual(await values.next(), { done: false, value: 2 });
    await assert.rejects(values.next(), { code: "ERR_WORKLOAD_API_REFUSED" });
    assert.deepEqual(await values.next(), { done: true, value: undefined });
  });
});
