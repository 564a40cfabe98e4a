/**
 * Our proxies against nginx, haproxy and Envoy, in turn, as CPU seconds for what was carried. See README.md.
 * node tools/run.mjs bench/run.ts --help
 */
import { parseArgs } from "node:util";
import { BULK_CASES } from "./bulk/cases.ts";
import { CONN_CASES } from "./conn/cases.ts";
import { type Case, type Comparison, compare } from "./harness/compare.ts";
import { machineFacts } from "./harness/machine-facts.ts";
import { printComparisons } from "./harness/report.ts";
import { OURS, openSession, PEERS } from "./harness/session.ts";
import { L4_CASES } from "./l4/cases.ts";
import { L7_CASES } from "./l7/cases.ts";

const BENCHES: Readonly<Record<string, readonly Case[]>> = {
  l7: L7_CASES,
  l4: L4_CASES,
  conn: CONN_CASES,
  bulk: BULK_CASES,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
    peer: { type: "string", multiple: true, default: ["nginx", "haproxy", "envoy"] },
    case: { type: "string", default: "" },
    json: { type: "string" },
  },
});
const pace = { rounds: positive("rounds", values.rounds), seconds: positive("seconds", values.seconds) };
const known = [...PEERS.map(({ name }) => name), "none"];
for (const peer of values.peer) if (!known.includes(peer)) fail(`--peer ${peer}: known are ${known.join(", ")}`);
const names = positionals.length > 0 ? positionals : Object.keys(BENCHES);
const cases = names
  .flatMap((name) => BENCHES[name] ?? fail(`${name}: known are ${Object.keys(BENCHES).join(", ")}`))
  .filter(({ name }) => name.includes(values.case));

const versions = Object.fromEntries([OURS, ...PEERS].map((product) => [product.name, product.version() ?? "absent"]));
console.log(JSON.stringify({ machine: machineFacts(), versions }));
const products = PEERS.filter(({ name }) => values.peer.includes(name) && versions[name] !== "absent");
const session = await openSession();
const results: Comparison[] = [];
try {
  for (const each of cases) {
    const comparisons = await compare(session, each, products, pace);
    printComparisons(comparisons);
    results.push(...comparisons);
  }
} finally {
  await session.close();
}

function positive(name: string, text: string): number {
  const value = Number(text);
  return Number.isFinite(value) && value > 0 ? value : fail(`--${name} ${text}: a number above 0 is wanted`);
}

function fail(message: string): never {
  throw new Error(message);
}
