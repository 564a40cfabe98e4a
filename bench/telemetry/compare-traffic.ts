import type { Case, Pace } from "../harness/compare.ts";
import { measure } from "../harness/measure.ts";
import { OURS, openSession } from "../harness/session.ts";
import { type Summary, summarize } from "../harness/statistics.ts";
import type { Traffic } from "../pairs/pair.ts";

const WARM_UP_SECONDS = 3;

/** Our own pair with access records and without, in turn: what they leave of the requests for each CPU second. */
export async function compareTraffic(
  { side, load, ours }: Case,
  { rounds, seconds }: Pace,
): Promise<{ readonly ratio: Summary; readonly on: number; readonly off: number }> {
  const session = await openSession();
  try {
    const start = async (traffic: Traffic) => {
      const pair = await session.pair(OURS, traffic);
      const run = async (forSeconds: number) =>
        (await measure(session, pair, side, { traffic, load, seconds: forSeconds })).perCpuSecond;
      await run(WARM_UP_SECONDS);
      return run;
    };
    const runOn = await start({ ...ours, accessLog: true });
    const runOff = await start({ ...ours, accessLog: false });
    const on: number[] = [];
    const off: number[] = [];
    for (let round = 0; round < rounds; round++) {
      // Each goes first as often as the other: what is measured first finds a machine that has rested.
      if (round % 2 === 0) {
        on.push(await runOn(seconds));
        off.push(await runOff(seconds));
      } else {
        off.push(await runOff(seconds));
        on.push(await runOn(seconds));
      }
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
