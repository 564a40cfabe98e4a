import { describe, expect, test } from "bun:test";
import { createFakeClock } from "@symbolon/spiffe/testing";
import type { ReadinessProbe } from "../mesh/index.ts";
import type { ProbeResult } from "./ports.ts";
import { watchReadiness } from "./readiness.ts";

const OK: ProbeResult = { ok: true };
const FAILED: ProbeResult = { ok: false, reason: "refused" };
const standard: ReadinessProbe = {
  action: { kind: "tcp", port: 80 },
  initialDelaySeconds: 0,
  periodSeconds: 10,
  timeoutSeconds: 1,
  successThreshold: 1,
  failureThreshold: 3,
};

function watch(probe: Partial<ReadinessProbe>, results: readonly ProbeResult[]) {
  const clock = createFakeClock();
  const controller = new AbortController();
  const changes: string[] = [];
  let attempts = 0;
  const done = watchReadiness(
    { ...standard, ...probe },
    async () => results[attempts++] ?? OK,
    (ready, reason) => changes.push(ready ? "ready" : `unready: ${reason}`),
    { clock, signal: controller.signal },
  );
  return { clock, controller, changes, done, attempts: () => attempts };
}

describe("watchReadiness", () => {
  test("asks first after the initial delay, then once a period", async () => {
    const { clock, attempts, controller, done } = watch({ initialDelaySeconds: 5 }, []);
    await clock.advance(4_999);
    expect(attempts()).toBe(0);
    await clock.advance(1);
    expect(attempts()).toBe(1);
    await clock.advance(9_999);
    expect(attempts()).toBe(1);
    await clock.advance(1);
    expect(attempts()).toBe(2);
    controller.abort();
    await done;
    expect(clock.pendingTimersMs).toEqual([]);
  });

  test("is ready after as many successes in a row as are wanted", async () => {
    const { clock, changes } = watch({ successThreshold: 2 }, [OK, FAILED, OK, OK]);
    await clock.advance(20_000);
    expect(changes).toEqual(["unready: readiness probe failed: refused"]);
    await clock.advance(10_000);
    expect(changes.at(-1)).toBe("ready");
  });

  test("a ready container becomes unready after as many failures in a row as are allowed, not before", async () => {
    const { clock, changes } = watch({}, [OK, FAILED, FAILED, OK, FAILED, FAILED, FAILED, OK]);
    await clock.advance(50_000);
    expect(changes).toEqual(["ready"]);
    await clock.advance(10_000);
    expect(changes.at(-1)).toBe("unready: readiness probe failed: refused");
    await clock.advance(10_000);
    expect(changes.at(-1)).toBe("ready");
  });

  test("a container that was never ready says why at the first failure", async () => {
    const { clock, changes } = watch({}, [FAILED]);
    await clock.advance(0);
    expect(changes).toEqual(["unready: readiness probe failed: refused"]);
  });

  test("says nothing after its end, also of an attempt that was under way", async () => {
    const clock = createFakeClock();
    const controller = new AbortController();
    const { promise, resolve } = Promise.withResolvers<ProbeResult>();
    const changes: boolean[] = [];
    const done = watchReadiness(
      standard,
      () => promise,
      (ready) => changes.push(ready),
      { clock, signal: controller.signal },
    );
    await clock.advance(0);
    controller.abort();
    resolve(OK);
    await done;
    expect(changes).toEqual([]);
  });

  test("an attempt that takes longer than a period is followed by the next at once, not by two", async () => {
    const clock = createFakeClock();
    const controller = new AbortController();
    const waiting: ((result: ProbeResult) => void)[] = [];
    const done = watchReadiness(
      standard,
      () => new Promise((resolve) => waiting.push(resolve)),
      () => undefined,
      { clock, signal: controller.signal },
    );
    await clock.advance(25_000);
    expect(waiting).toHaveLength(1);
    waiting[0]?.(OK);
    await clock.advance(0);
    expect(waiting).toHaveLength(2);
    controller.abort();
    waiting[1]?.(OK);
    await done;
  });
});
