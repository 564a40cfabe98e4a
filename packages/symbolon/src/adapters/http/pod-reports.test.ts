import { describe, expect, test } from "bun:test";
import { silentLog } from "@symbolon/spiffe/core";
import { createFakeClock } from "@symbolon/spiffe/testing";
import type { PodStatus } from "../../mesh/index.ts";
import { createPodReports } from "./pod-reports.ts";

const status = (phase: string) => ({ phase }) as unknown as PodStatus;

function start() {
  const clock = createFakeClock();
  const ending = new AbortController();
  const sent: string[] = [];
  const state = { down: false };
  const take = async (line: string): Promise<void> => {
    if (state.down) throw new Error("nobody there");
    sent.push(line);
  };
  const reports = createPodReports({
    api: {
      reportPodStatus: (uid, report) => take(`${uid} ${(report as unknown as { phase: string }).phase}`),
      reportPodRemoved: (uid) => take(`${uid} removed`),
    },
    clock,
    log: silentLog,
    signal: ending.signal,
  });
  return { clock, ending, sent, state, reports };
}

describe("reports of pods", () => {
  test("reach the control plane in order", async () => {
    const { clock, sent, reports } = start();
    reports.status("a", status("Pending"));
    await clock.advance(0);
    reports.status("a", status("Running"));
    reports.removed("b");
    await clock.advance(0);
    expect(sent).toEqual(["a Pending", "a Running", "b removed"]);
  });

  test("wait for a control plane that is away, and of each pod only the newest is sent", async () => {
    const { clock, sent, state, reports } = start();
    state.down = true;
    for (const phase of ["Pending", "Running"]) reports.status("a", status(phase));
    reports.status("b", status("Pending"));
    await clock.advance(500);
    reports.removed("b");
    expect(sent).toEqual([]);
    state.down = false;
    await clock.advance(100);
    expect(sent.sort()).toEqual(["a Running", "b removed"]);
    await clock.advance(1000);
    expect(sent.length).toBe(2);
    expect(clock.pendingTimersMs).toEqual([]);
  });

  test("end with the process", async () => {
    const { clock, sent, state, ending, reports } = start();
    state.down = true;
    reports.status("a", status("Running"));
    await clock.advance(500);
    ending.abort();
    state.down = false;
    await clock.advance(1000);
    expect(sent).toEqual([]);
    expect(clock.pendingTimersMs).toEqual([]);
  });
});
