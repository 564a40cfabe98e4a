import { describe, expect, test } from "bun:test";
import { createFakeClock } from "@symbolon/spiffe/testing";
import type { AuditEvent } from "../core/index.ts";
import { createWatchedSink } from "./watched-sink.ts";

const EVENT: AuditEvent = { kind: "command.run", outcome: "started", actor: "somebody" };

describe("what is known of an audit log", () => {
  test("is no problem before the first event, nor when all were written", async () => {
    const sink = createWatchedSink({ write: async () => undefined }, createFakeClock());
    expect(sink.problem()).toBeUndefined();
    await sink.write(EVENT);
    expect(sink.problem()).toBeUndefined();
  });

  test("is the first time and the last reason while events fail, which still fail for who wrote them, and nothing after a success", async () => {
    const clock = createFakeClock();
    const state: { failure: Error | undefined } = { failure: new Error("disk full") };
    const write = async (): Promise<void> => {
      if (state.failure) throw state.failure;
    };
    const sink = createWatchedSink({ write }, clock);
    const since = clock.now();
    await expect(sink.write(EVENT)).rejects.toThrow("disk full");
    await clock.advance(5000);
    state.failure = new Error("input/output error");
    await expect(sink.write(EVENT)).rejects.toThrow("input/output error");
    expect(sink.problem()).toEqual({ since, error: "input/output error" });
    state.failure = undefined;
    await sink.write(EVENT);
    expect(sink.problem()).toBeUndefined();
  });
});
