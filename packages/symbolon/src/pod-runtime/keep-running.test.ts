import { describe, expect, test } from "bun:test";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { exitReason, keepRunning, type SupervisedState, terminateProcess } from "./keep-running.ts";
import type { ProcessExit, RunningProcess } from "./ports.ts";
import { createRestartBackoff, OWN_PROCESS_BACKOFF } from "./restart-backoff.ts";

interface FakeProcess extends RunningProcess {
  readonly signals: string[];
  end(exit: ProcessExit): void;
}

function createFakeProcess(
  pid: number,
  options: { readonly handlesTerm?: boolean; readonly diesOn?: readonly string[] } = {},
): FakeProcess {
  const { handlesTerm = true, diesOn = ["SIGTERM", "SIGKILL"] } = options;
  const { promise, resolve } = Promise.withResolvers<ProcessExit>();
  const signals: string[] = [];
  return {
    pid,
    startTicks: pid,
    exited: promise,
    signals,
    end: resolve,
    signal(name) {
      signals.push(name);
      if (diesOn.includes(name)) resolve({ code: name === "SIGTERM" ? 143 : 137, signal: name });
    },
    handlesTerm: () => handlesTerm,
  };
}

describe("restart back-off", () => {
  test("doubles from a second to five minutes, and stays there", () => {
    const backoff = createRestartBackoff();
    const delays = Array.from({ length: 11 }, () => backoff.next(0));
    expect(delays).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map((seconds) => seconds * 1000));
  });

  test("begins anew after ten minutes of running, and not a millisecond before", () => {
    const backoff = createRestartBackoff();
    for (const wanted of [1000, 2000]) expect(backoff.next(0)).toBe(wanted);
    expect(backoff.next(599_999)).toBe(4000);
    expect(backoff.next(600_000)).toBe(1000);
    expect(backoff.next(0)).toBe(2000);
  });

  test("of the mesh's own processes starts at 100 ms, ends at 5 s, and begins anew after 10 s", () => {
    const backoff = createRestartBackoff(OWN_PROCESS_BACKOFF);
    const delays = Array.from({ length: 8 }, () => backoff.next(9_999));
    expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    expect(backoff.next(10_000)).toBe(100);
  });
});

describe("terminateProcess", () => {
  test("asks first", async () => {
    const process = createFakeProcess(1);
    await terminateProcess(process, 30_000, createFakeClock());
    expect(process.signals).toEqual(["SIGTERM"]);
  });

  test("kills when the grace is over, and leaves no timer behind", async () => {
    const clock = createFakeClock();
    const process = createFakeProcess(1, { diesOn: ["SIGKILL"] });
    const done = terminateProcess(process, 30_000, clock);
    await clock.advance(29_999);
    expect(process.signals).toEqual(["SIGTERM"]);
    await clock.advance(1);
    expect(process.signals).toEqual(["SIGTERM", "SIGKILL"]);
    await done;
    expect(clock.pendingTimersMs).toEqual([]);
  });

  test("kills at once without grace, or when SIGTERM would be ignored", async () => {
    for (const [process, grace] of [
      [createFakeProcess(1), 0],
      [createFakeProcess(1, { handlesTerm: false }), 30_000],
    ] as const) {
      await terminateProcess(process, grace, createFakeClock());
      expect(process.signals).toEqual(["SIGKILL"]);
    }
  });
});

describe("keepRunning", () => {
  function supervise(
    starts: readonly (FakeProcess | Error)[],
    onState: (state: SupervisedState) => void | Promise<void> = () => undefined,
  ) {
    const clock = createFakeClock();
    const controller = new AbortController();
    const states: string[] = [];
    let started = 0;
    const done = keepRunning({
      clock,
      signal: controller.signal,
      start: async () => {
        const next = starts[started++];
        if (next === undefined) throw new Error("nothing left to start");
        if (next instanceof Error) throw next;
        return next;
      },
      terminate: (process) => terminateProcess(process, 1000, clock),
      onState(state) {
        states.push(
          state.kind === "backing_off"
            ? `${state.kind} ${state.delayMs} ${state.restarts}: ${state.reason}`
            : `${state.kind} ${state.restarts}`,
        );
        return onState(state);
      },
    });
    return { clock, controller, states, done };
  }

  test("starts again after each end, later each time, and counts", async () => {
    const [first, second, third] = [createFakeProcess(1), createFakeProcess(2), createFakeProcess(3)];
    const { clock, controller, states, done } = supervise([first, second, third]);
    await clock.advance(0);
    first.end({ code: 1 });
    await clock.advance(1000);
    second.end({ code: 137, signal: "SIGKILL" });
    await clock.advance(2000);
    controller.abort();
    await done;
    expect(states).toEqual([
      "starting 0",
      "running 0",
      "backing_off 1000 0: ended with exit code 1",
      "starting 1",
      "running 1",
      "backing_off 2000 1: ended by SIGKILL",
      "starting 2",
      "running 2",
      "stopped 2",
    ]);
    expect(third.signals).toEqual(["SIGTERM"]);
  });

  test("an end with exit code 0 is an end like any other", () => {
    expect(exitReason({ code: 0 })).toBe("ended with exit code 0");
  });

  test("a start that fails backs off as well", async () => {
    const process = createFakeProcess(1);
    const { clock, controller, states, done } = supervise([new Error("no such file"), process]);
    await clock.advance(999);
    expect(states).toEqual(["starting 0", "backing_off 1000 0: no such file"]);
    await clock.advance(1);
    controller.abort();
    await done;
    expect(states.slice(2)).toEqual(["starting 1", "running 1", "stopped 1"]);
  });

  test("a process that nobody could take note of is killed", async () => {
    const process = createFakeProcess(1);
    const { clock, controller, states, done } = supervise([process], (state) => {
      if (state.kind === "running") throw new Error("agent is away");
    });
    await clock.advance(0);
    expect(process.signals).toEqual(["SIGKILL"]);
    expect(states.at(-1)).toBe("backing_off 1000 0: agent is away");
    controller.abort();
    await done;
  });

  test("ends during the back-off without another start", async () => {
    const { clock, controller, states, done } = supervise([new Error("x"), createFakeProcess(1)]);
    await clock.advance(500);
    controller.abort();
    await done;
    expect(states).toEqual(["starting 0", "backing_off 1000 0: x", "stopped 1"]);
    expect(clock.pendingTimersMs).toEqual([]);
  });

  test("ends a process that was still being started when the end came", async () => {
    const process = createFakeProcess(1);
    const { controller, states, done } = supervise([process]);
    controller.abort();
    await done;
    expect(process.signals).toEqual(["SIGTERM"]);
    expect(states).toEqual(["starting 0", "stopped 0"]);
  });
});
