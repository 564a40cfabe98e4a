/** Our proxies against nginx, haproxy and Envoy. See README.md; `--help` lists what there is. */
import { parseArgs } from "node:util";
import { BULK_CASES } from "./bulk/cases.ts";
import { CONN_CASES } from "./conn/cases.ts";
import { measureFootprint, printFootprint } from "./footprint/measure-footprint.ts";
import { type Case, compare } from "./harness/compare.ts";
import { machineFacts } from "./harness/machine-facts.ts";
import { printComparisons } from "./harness/report.ts";
import { type Results, writeResults } from "./harness/results.ts";
import { OURS, openSession, PEERS, type Session } from "./harness/session.ts";
import { jwtCases } from "./jwt/cases.ts";
import { L4_CASES } from "./l4/cases.ts";
import { L7_CASES } from "./l7/cases.ts";
import { measureLatency, printLatency } from "./latency/measure-latency.ts";
import type { Product } from "./pairs/pair.ts";

const HELP = `npm run bench -- [BENCH...] [OPTION...]

  l7         HTTP/1.1 requests with keep-alive, through a pair and through the server's proxy alone
  l4         small messages over long-lived streams
  conn       new mTLS connections
  bulk       16 MiB at a time, streams and HTTP, both ways
  jwt        L7 with a verified token in every request, beside Envoy
  latency    what a pair adds at 1,000 requests a second, beside Envoy
  footprint  time to readiness, memory idle and with 1,000 mTLS connections
  (none)     all of them

  --rounds N    runs of each pair in each case (3)
  --seconds S   of one run (1)
  --peer NAME   nginx, haproxy, envoy; repeatable (all that are on the machine); none; baseline, with BENCH_BASELINE=TREE
  --case TEXT   only cases whose name has it
  --write       bench/results.json, and the tables in docs/reference/performance.md

In-process programs: bench/policy/run.ts, bench/http1/run.ts.
`;

const CASES: Readonly<Record<string, readonly Case[]>> = {
  l7: L7_CASES,
  l4: L4_CASES,
  conn: CONN_CASES,
  bulk: BULK_CASES,
  /** Signs its tokens when it is asked for. */
  get jwt() {
    return jwtCases();
  },
};
const BENCHES = [...Object.keys(CASES), "latency", "footprint"];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: "boolean", default: false },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "1" },
    peer: { type: "string", multiple: true, default: ["nginx", "haproxy", "envoy"] },
    case: { type: "string", default: "" },
    write: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const pace = { rounds: positive("rounds", values.rounds), seconds: positive("seconds", values.seconds) };
const peerNames = [...PEERS.map(({ name }) => name), "none"];
for (const name of values.peer)
  if (!peerNames.includes(name)) fail(`--peer ${name}: known are ${peerNames.join(", ")}`);
for (const name of positionals) if (!BENCHES.includes(name)) fail(`${name}: known are ${BENCHES.join(", ")}`);
const benches = positionals.length > 0 ? positionals : BENCHES;

const versions = Object.fromEntries(
  [OURS, ...PEERS].flatMap((product) => {
    const version = product.version();
    return version === undefined ? [] : [[product.name, version]];
  }),
);
const peers = PEERS.filter(({ name }) => values.peer.includes(name) && versions[name] !== undefined);
for (const name of values.peer)
  if (name !== "none" && !versions[name]) console.log(`${name}: not on this machine, not run`);

const session = await openSession();
try {
  const results = await measureAll(session, peers);
  if (values.write) writeResults(results);
} finally {
  await session.close();
}

async function measureAll(session: Session, products: readonly Product[]): Promise<Results> {
  const results: Results = { machine: machineFacts(), versions, pace, comparisons: [], latency: [], footprint: [] };
  console.log(JSON.stringify({ machine: results.machine, versions }));
  const withEnvoy = products.filter(({ name }) => name === "envoy");
  // First: its processes are new.
  if (benches.includes("footprint")) results.footprint.push(...(await measureFootprint(session, withEnvoy)));
  printFootprint(results.footprint);
  for (const bench of benches)
    for (const wanted of CASES[bench] ?? []) {
      if (!wanted.name.includes(values.case)) continue;
      const comparisons = await compare(session, wanted, products, pace);
      printComparisons(comparisons);
      results.comparisons.push(...comparisons);
    }
  if (benches.includes("latency"))
    results.latency.push(...(await measureLatency(session, withEnvoy[0], { rounds: 3, seconds: 3 })));
  printLatency(results.latency);
  return results;
}

function positive(name: string, text: string): number {
  const value = Number(text);
  return Number.isFinite(value) && value > 0 ? value : fail(`--${name} ${text}: a number above 0 is wanted`);
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
