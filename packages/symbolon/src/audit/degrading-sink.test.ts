import { describe, expect, test } from "bun:test";
import { silentLog } from "@symbolon/spiffe/core";
import { createFakeClock } from "@symbolon/spiffe/testing";
import type { AuditEvent } from "../core/index.ts";
import { createDegradingSink } from "./index.ts";

const eventOf = (actor: string): AuditEvent => ({ kind: "request.deny", outcome: "refused", actor });

function fixture() {
  const clock = createFakeClock();
  const written: AuditEvent[] = [];
  const state = { full: true };
  const errors: string[] = [];
  const log = { ...silentLog, error: (message: string) => void errors.push(message) };
  const inner = {
    async write(event: AuditEvent) {
      if (state.full) throw new Error("disk full");
      written.push(event);
    },
  };
  return { clock, written, state, errors, sink: createDegradingSink(inner, { clock, log }) };
}

describe("a degrading audit sink", () => {
  test("passes events on while there is room", async () => {
    const { sink, state, written } = fixture();
    state.full = false;
    await sink.write(eventOf("a"));
    expect(written).toEqual([eventOf("a")]);
  });

  test("says loudly that it keeps events, and writes them in order behind a gap when there is room again", async () => {
    const { sink, state, written, clock, errors } = fixture();
    for (const actor of ["a", "b"]) await sink.write(eventOf(actor));
    expect(errors).toEqual(["audit log cannot be written; events are kept in memory"]);
    await clock.advance(5000);
    expect([written, errors.at(-1)]).toEqual([[], "audit log still cannot be written"]);
    state.full = false;
    await sink.write(eventOf("c"));
    await clock.advance(5000);
    expect(written.map(({ kind, actor }) => (kind === "audit.gap" ? kind : actor))).toEqual([
      "audit.gap",
      "a",
      "b",
      "c",
    ]);
    expect(written[0]?.details).toEqual({
      from: "2026-01-01T00:00:00.000Z",
      to: "2026-01-01T00:00:10.000Z",
      kept: 3,
      dropped: 0,
    });
    await sink.write(eventOf("d"));
    expect(written.at(-1)).toEqual(eventOf("d"));
  });

  test("keeps the newest 10,000, and counts what it lost in the gap", async () => {
    const { sink, state, written, clock } = fixture();
    for (let n = 0; n < 10_003; n++) await sink.write(eventOf(`${n}`));
    state.full = false;
    await clock.advance(5000);
    expect(written).toHaveLength(10_001);
    expect(written[0]?.details).toMatchObject({ kept: 10_000, dropped: 3 });
    expect(written[1]).toEqual(eventOf("3"));
  });

  test("says at the end what is lost", async () => {
    const { sink, errors } = fixture();
    await sink.write(eventOf("a"));
    sink.close();
    expect(errors.at(-1)).toBe("audit events lost at the end");
  });
});
