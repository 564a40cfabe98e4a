import { expect, test } from "bun:test";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { SAME_SIGNAL_MS, stopOnSignal } from "./stop-on-signal.ts";

function harness() {
  const clock = createFakeClock(new Date("2026-01-01T00:00:00Z"));
  const handlers = new Map<string, () => void>();
  const exits: number[] = [];
  const stopping = stopOnSignal({
    clock,
    onSignal: (signal, heard) => handlers.set(signal, heard),
    exit: (status) => exits.push(status),
  });
  return { clock, stopping, exits, send: (signal: string) => handlers.get(signal)?.() };
}

test.each(["SIGINT", "SIGTERM"])("the first %s asks for an orderly end", (signal) => {
  const { stopping, exits, send } = harness();
  expect(stopping.aborted).toBe(false);
  send(signal);
  expect(stopping.aborted).toBe(true);
  expect(exits).toEqual([]);
});

test("what a launcher passes on of the same Ctrl-C does not count", async () => {
  const { clock, exits, send } = harness();
  send("SIGINT");
  send("SIGINT");
  await clock.advance(SAME_SIGNAL_MS - 1);
  send("SIGINT");
  expect(exits).toEqual([]);
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
])("a second %s ends at once with %d, whatever the first was", async (signal, status) => {
  for (const first of ["SIGINT", "SIGTERM"]) {
    const { clock, exits, send } = harness();
    send(first);
    await clock.advance(SAME_SIGNAL_MS);
    send(signal);
    expect(exits).toEqual([status]);
  }
});
