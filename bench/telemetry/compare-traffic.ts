import type { Outcome } from "../generator/orders.ts";
import type { Case } from "../harness/compare.ts";
import { targetOf } from "../harness/measure.ts";
import { cpuSeconds } from "../harness/process-usage.ts";
import { OURS, openSession } from "../harness/session.ts";
import { type Summary, summarize } from "../harness/statistics.ts";
import { TOGGLE_ACCESS_LOG } from "../pairs/pair.ts";

const WARM_UP_SECONDS = 10;
/** Short, because a machine that others use as well is faster in one second than in the next. */
const SLICE_SECONDS = 0.25;
const SLICES_OF_ROUND = 8;
/** Each goes first as often as the other: what is measured first finds a machine that has rested. */
const ORDER = [true, false, false, true];

/** CPU microseconds of one request with access records and without, by the same processes over the same connections, in turn. */
export async function compareTraffic(
  { side, load, ours }: Case,
  rounds: number,
): Promise<{ readonly share: Summary; readonly on: number; readonly off: number }> {
  const session = await openSession();
  try {
    const traffic = { ...ours, accessLog: true };
    const pair = await session.pair(OURS, traffic);
    const pids = side === "pair" ? [pair.outboundPid, pair.inboundPid] : [pair.inboundPid];
    const { connections, exchange } = load;
    await session.load.send({ kind: "connect", target: targetOf(session, pair, side, traffic), connections, exchange });
    let isOn = true;
    const toggle = (accessLog: boolean): void => {
      if (accessLog !== isOn) for (const pid of pids) process.kill(pid, TOGGLE_ACCESS_LOG);
      isOn = accessLog;
    };
    const slice = async (seconds: number) => {
      const before = cpuSeconds(pids);
      const { exchanges }: Outcome = await session.load.send({ kind: "run", seconds });
      return { requests: exchanges, cpu: cpuSeconds(pids) - before };
    };
    for (const accessLog of ORDER) {
      toggle(accessLog);
      await slice(WARM_UP_SECONDS / ORDER.length);
    }
    const measured: { readonly on: number; readonly off: number }[] = [];
    for (let round = 0; round < rounds; round++) {
      const sums = { on: { requests: 0, cpu: 0 }, off: { requests: 0, cpu: 0 } };
      for (let at = 0; at < SLICES_OF_ROUND; at++) {
        const accessLog = ORDER[at % ORDER.length] === true;
        toggle(accessLog);
        const { requests, cpu } = await slice(SLICE_SECONDS);
        const sum = accessLog ? sums.on : sums.off;
        sum.requests += requests;
        sum.cpu += cpu;
      }
      const microseconds = ({ requests, cpu }: { requests: number; cpu: number }) => (1e6 * cpu) / requests;
      measured.push({ on: microseconds(sums.on), off: microseconds(sums.off) });
    }
    await session.load.send({ kind: "close" });
    return {
      share: summarize(measured.map(({ on, off }) => 1 - off / on)),
      on: summarize(measured.map(({ on }) => on)).median,
      off: summarize(measured.map(({ off }) => off)).median,
    };
  } finally {
    await session.close();
  }
}
