/** What access records and metrics cost. See ../README.md. `node tools/run.mjs bench/telemetry/run.ts [ROUNDS]` */
import { L7_CASES } from "../l7/cases.ts";
import { compareTraffic } from "./compare-traffic.ts";
import { measureRecordCost } from "./record-cost.ts";

const rounds = Number(process.argv[2] ?? 20);

console.log("microseconds of CPU time for each request");
console.table(await measureRecordCost());
for (const each of L7_CASES) {
  const { share, on, off } = await compareTraffic(each, rounds);
  const percent = (value: number) => `${(value * 100).toFixed(1)} %`;
  console.log(
    `${each.name}: with access records ${on.toFixed(1)}, without ${off.toFixed(1)} us of CPU time a request; they are ${percent(share.median)} of it (${percent(share.lowest)} to ${percent(share.highest)})`,
  );
}
