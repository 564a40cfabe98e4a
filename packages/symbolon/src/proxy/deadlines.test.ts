import { describe, expect, test } from "bun:test";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { createDeadlines } from "./deadlines.ts";

describe("deadlines", () => {
  test("expire once, not before their time and at most a tick after it", async () => {
    const clock = createFakeClock();
    const deadlines = createDeadlines(clock);
    const expired: number[] = [];
    for (const delay of [100, 250, 5000]) deadlines.add(delay, () => expired.push(delay));
    await clock.advance(99);
    expect(expired).toEqual([]);
    await clock.advance(1);
    expect(expired).toEqual([100]);
    await clock.advance(149);
    expect(expired).toEqual([100]);
    await clock.advance(51);
    expect(expired).toEqual([100, 250]);
    await clock.advance(10_000);
    expect(expired).toEqual([100, 250, 5000]);
  });

  test("that are taken back do not, also when another one that is due takes them back", async () => {
    const clock = createFakeClock();
    const deadlines = createDeadlines(clock);
    const expired: string[] = [];
    let cancelSecond = (): void => undefined;
    deadlines.add(100, () => {
      expired.push("first");
      cancelSecond();
    });
    cancelSecond = deadlines.add(100, () => expired.push("second"));
    deadlines.add(100, () => expired.push("third"))();
    await clock.advance(1000);
    expect(expired).toEqual(["first"]);
  });

  test("share one timer, and none is left when there is nothing to wait for", async () => {
    const clock = createFakeClock();
    const deadlines = createDeadlines(clock);
    const cancels = [1, 2, 3].map(() => deadlines.add(60_000, () => undefined));
    expect(clock.pendingTimersMs.length).toBe(1);
    for (const cancel of cancels) cancel();
    await clock.advance(100);
    expect(clock.pendingTimersMs).toEqual([]);
    // And they begin again.
    let expired = false;
    deadlines.add(50, () => {
      expired = true;
    });
    await clock.advance(100);
    expect(expired).toBe(true);
  });

  test("do not care about steps of the wall clock", async () => {
    const clock = createFakeClock();
    let expired = false;
    createDeadlines(clock).add(1000, () => {
      expired = true;
    });
    clock.stepWallClock(3_600_000);
    await clock.advance(900);
    expect(expired).toBe(false);
    clock.stepWallClock(-7_200_000);
    await clock.advance(100);
    expect(expired).toBe(true);
  });

  test("one that is set by one that expires waits for its own time", async () => {
    const clock = createFakeClock();
    const deadlines = createDeadlines(clock);
    const at: number[] = [];
    deadlines.add(100, () => deadlines.add(100, () => at.push(clock.monotonicMs())));
    await clock.advance(1000);
    expect(at).toEqual([200]);
  });

  test("closed: nothing expires any more", async () => {
    const clock = createFakeClock();
    const deadlines = createDeadlines(clock);
    let expired = false;
    deadlines.add(100, () => {
      expired = true;
    });
    deadlines.close();
    await clock.advance(1000);
    expect([expired, clock.pendingTimersMs.length]).toEqual([false, 0]);
  });
});
