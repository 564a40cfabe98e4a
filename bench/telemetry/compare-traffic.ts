import type { Case, Pace } from "../harness/compare.ts";
import { measure } from "../harness/measure.ts";
import { OURS, openSession } from "../harness/session.ts";
import { type Summary, summarize } from "../harness/statistics.ts";
import { TOGGLE_ACCESS_LOG } from "../pairs/pair.ts";

const WARM_UP_SECONDS = 5;

/** Our own pair with access records and without, in turn in the same processes: what they leave of the requests for each CPU second. */
export async function compareTraffic(
  { side, load, ours }: Case,
  { rounds, seconds }: Pace,
): Promise<{ readonly ratio: Summary; readonly on: number; readonly off: number }> {
  const session = await openSession();
  try {
    const traffic = { ...ours, accessLog: true };
    const pair = await session.pair(OURS, traffic);
    let isOn = true;
    const run = async (accessLog: boolean, forSeconds: number): Promise<number> => {
      if (accessLog !== isOn)
        for (const pid of [pair.inboundPid, pair.outboundPid]) process.kill(pid, TOGGLE_ACCESS_LOG);
      isOn = accessLog;
      return (await measure(session, pair, side, { traffic, load, seconds: forSeconds })).perCpuSecond;
    };
    for (const accessLog of [true, false]) await run(accessLog, WARM_UP_SECONDS);
    const on: number[] = [];
    const off: number[] = [];
    for (let round = 0; round < rounds; round++) {
      // Each goes first as often as the other: what is measured first finds a machine that has rested.
      for (const accessLog of round % 2 === 0 ? [true, false] : [false, true])
        (accessLog ? on : off).push(await run(accessLog, seconds));
    }
    return {
      ratio: summarize(on.map((value, index) => value / (off[index] ?? Number.NaN))),
      on: summarize(on).median,
      off: summarize(off).median,
    };
  } finally {
    await session.close();
  }
}
