/** What access records and metrics cost. See ../README.md. `node tools/run.mjs bench/telemetry/run.ts [rounds] [seconds]` */
import { L7_CASES } from "../l7/cases.ts";
import { compareTraffic } from "./compare-traffic.ts";
import { measureRecordCost } from "./record-cost.ts";

const [rounds = 6, seconds = 2] = process.argv.slice(2).map(Number);

console.log("microseconds of CPU time for each request");
console.table(await measureRecordCost());
for (const each of L7_CASES) {
  const { ratio, on, off } = await compareTraffic(each, { rounds, seconds });
  const percent = (value: number) => `${((1 - value) * 100).toFixed(1)} %`;
  console.log(
    `${each.name}: with access records ${on.toFixed(0)}, without ${off.toFixed(0)} requests per CPU second; they cost ${percent(ratio.median)} (${percent(ratio.highest)} to ${percent(ratio.lowest)})`,
  );
}
