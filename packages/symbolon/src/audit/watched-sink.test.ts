import { describe, expect, test } from "bun:test";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { type AuditEvent, createOutageWatch, type Outage } from "../core/index.ts";
import { createWatchedSink } from "./watched-sink.ts";

const EVENT: AuditEvent = { kind: "command.run", outcome: "started", actor: "somebody" };

function watched(failure?: Error) {
  const clock = createFakeClock();
  const watch = createOutageWatch(clock);
  const state: { failure: Error | undefined } = { failure };
  const write = async (): Promise<void> => {
    if (state.failure) throw state.failure;
  };
  const told: (Outage | undefined)[] = [];
  watch.outage.subscribe((outage) => told.push(outage));
  return { clock, state, told, watch, sink: createWatchedSink({ write }, watch) };
}

describe("what is known of an audit log", () => {
  test("is no outage before the first event, nor when all were written", async () => {
    const { sink, watch, told } = watched();
    expect(watch.outage.current).toBeUndefined();
    await sink.write(EVENT);
    expect(watch.outage.current).toBeUndefined();
    expect(told).toEqual([]);
  });

  test("is the first time, the last one and its reason while events fail, which still fail for who wrote them, and nothing after a success", async () => {
    const { clock, state, sink, watch, told } = watched(new Error("disk full"));
    const since = clock.now();
    for (let tries = 0; tries < 3; tries++) await expect(sink.write(EVENT)).rejects.toThrow("disk full");
    await clock.advance(5000);
    state.failure = new Error("input/output error");
    await expect(sink.write(EVENT)).rejects.toThrow("input/output error");
    const lastTry = clock.now();
    expect(watch.outage.current).toEqual({ since, lastTry, error: "input/output error" });
    state.failure = undefined;
    await sink.write(EVENT);
    // Whoever follows hears of each change once.
    expect(told).toEqual([
      { since, lastTry: since, error: "disk full" },
      { since, lastTry, error: "input/output error" },
      undefined,
    ]);
  });

  test("has the time of the newest try, to the second", async () => {
    const { clock, sink, watch } = watched(new Error("disk full"));
    await expect(sink.write(EVENT)).rejects.toThrow();
    const since = clock.now();
    await clock.advance(999);
    await expect(sink.write(EVENT)).rejects.toThrow();
    expect(watch.outage.current).toMatchObject({ since, lastTry: since });
    await clock.advance(1);
    await expect(sink.write(EVENT)).rejects.toThrow();
    expect(watch.outage.current).toMatchObject({ since, lastTry: clock.now() });
  });
});
