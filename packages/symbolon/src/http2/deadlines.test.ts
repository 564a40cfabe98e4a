import { expect, test } from "bun:test";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { Deadlines } from "./deadlines.ts";

test("each deadline comes once, at its own time, over one timer", async () => {
  const clock = createFakeClock();
  const due: string[] = [];
  const deadlines = new Deadlines<"a" | "b">(clock, (name) => due.push(name));
  deadlines.set("a", 100);
  deadlines.set("b", 50);
  expect(clock.pendingTimersMs).toEqual([50]);
  await clock.advance(49);
  expect(due).toEqual([]);
  await clock.advance(1);
  expect(due).toEqual(["b"]);
  await clock.advance(50);
  expect(due).toEqual(["b", "a"]);
});

test("a cleared deadline does not come, a moved one comes later", async () => {
  const clock = createFakeClock();
  const due: string[] = [];
  const deadlines = new Deadlines<"a" | "b">(clock, (name) => due.push(name));
  deadlines.set("a", 10);
  deadlines.set("b", 10);
  deadlines.clear("a");
  deadlines.set("b", 20);
  await clock.advance(19);
  expect(due).toEqual([]);
  await clock.advance(1);
  expect(due).toEqual(["b"]);
});

test("nothing that is set once it has stopped leaves a timer", () => {
  const clock = createFakeClock();
  const deadlines = new Deadlines<"a">(clock, () => undefined);
  deadlines.set("a", 10);
  deadlines.stop();
  deadlines.set("a", 10);
  expect(clock.pendingTimersMs).toEqual([]);
});
