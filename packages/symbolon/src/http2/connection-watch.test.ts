import { describe, expect, test } from "bun:test";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { ConnectionWatch, type WatchLimits } from "./connection-watch.ts";

describe("keep-alive", () => {
  test("a peer that says nothing is asked after the interval, and given up when its time for an answer is over", async () => {
    const { clock, done } = watch({ keepAlive: { intervalMs: 300, timeoutMs: 100 } });
    await clock.advance(299);
    expect(done).toEqual([]);
    await clock.advance(1);
    expect(done).toEqual(["ping"]);
    await clock.advance(99);
    expect(done).toEqual(["ping"]);
    await clock.advance(1);
    expect(done).toEqual(["ping", "abandoned"]);
  });

  test("any word of the peer in time is an answer, and it is asked again an interval later", async () => {
    const { clock, done, watched } = watch({ keepAlive: { intervalMs: 300, timeoutMs: 100 } });
    await clock.advance(399);
    watched.heard();
    await clock.advance(299);
    expect(done).toEqual(["ping"]);
    await clock.advance(1);
    expect(done).toEqual(["ping", "ping"]);
  });
});

test("a connection is drained at its greatest age with its grace, not before, whether it has streams or not", async () => {
  const { clock, done, watched } = watch({ maxAge: { ageMs: 700, graceMs: 50 } });
  watched.withStreams();
  await clock.advance(699);
  expect(done).toEqual([]);
  await clock.advance(1);
  expect(done).toEqual(["drained 50"]);
});

test("a drained connection is finished when its grace is over, not before", async () => {
  const { clock, done, watched } = watch({});
  watched.withStreams();
  watched.draining(50);
  await clock.advance(49);
  expect(done).toEqual([]);
  await clock.advance(1);
  expect(done).toEqual(["finished"]);
});

test("the idle time begins with the end of the last stream, and not while there is one", async () => {
  const { clock, done, watched } = watch({});
  watched.withStreams();
  await clock.advance(5000);
  expect(done).toEqual([]);
  watched.withoutStreams();
  await clock.advance(999);
  expect(done).toEqual([]);
  await clock.advance(1);
  expect(done).toEqual(["drained 0"]);
});

test("without a preface the connection fails after its time, and a watch that is stopped does nothing", async () => {
  for (const isStopped of [false, true]) {
    const { clock, done, watched } = watch({}, false);
    await clock.advance(99);
    expect(done).toEqual([]);
    if (isStopped) watched.stop();
    await clock.advance(1);
    expect(done).toEqual(isStopped ? [] : ["no preface came"]);
  }
});

function watch(limits: Partial<WatchLimits>, hasPreface = true) {
  const clock = createFakeClock();
  const done: string[] = [];
  const watched = new ConnectionWatch(
    { prefaceTimeoutMs: 100, idleTimeoutMs: 1000, stallTimeoutMs: 500, ...limits },
    {
      fail: (reason) => void done.push(reason),
      drain: (graceMs) => void done.push(`drained ${graceMs}`),
      sendPing: () => void done.push("ping"),
      abandon: () => void done.push("abandoned"),
      finish: () => void done.push("finished"),
    },
    clock,
  );
  if (hasPreface) {
    watched.prefaceCame();
    watched.heard();
  }
  return { clock, done, watched };
}
