/** CPU seconds of our outbound + inbound pair against the same pair of other products. See ../README.md. */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createChildPrograms, untilListening } from "../child-programs.ts";
import { cpuSeconds, residentMegabytes } from "../process-usage.ts";
import { writeCredentials } from "./credentials.ts";
import { startLoad } from "./load-client.ts";
import { startEnvoy } from "./pairs/envoy.ts";
import { startHaproxy } from "./pairs/haproxy.ts";
import { startNginx } from "./pairs/nginx.ts";
import type { ProxyPair, StartPair } from "./pairs/pair.ts";
import { startSymbolon } from "./pairs/symbolon.ts";
import { forbiddenCallersThatPass } from "./refusals.ts";
import { type Measurement, printReport } from "./report.ts";

const PEERS: Readonly<Record<string, StartPair>> = { nginx: startNginx, haproxy: startHaproxy, envoy: startEnvoy };
const BACKEND_ADDRESS = "127.77.0.1";
/** The JIT of our own pair needs longer than that, which is why its first round is thrown away as well. */
const WARM_UP_SECONDS = 3;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "6" },
    seconds: { type: "string", default: "3" },
    connections: { type: "string", default: "64" },
    bytes: { type: "string", default: "128" },
    peer: { type: "string", multiple: true, default: Object.keys(PEERS) },
  },
});
const rounds = positive("rounds", values.rounds);
const seconds = positive("seconds", values.seconds);
const connections = positive("connections", values.connections);
const bytes = positive("bytes", values.bytes);
for (const peer of values.peer) if (!PEERS[peer]) fail(`--peer ${peer}: known are ${Object.keys(PEERS).join(", ")}`);

// The pair under test on one core, everything else on another: what the generator needs is then nobody's CPU time.
const pinned = availableParallelism() > 1 && Bun.which("taskset");
const pin = (core: string): string[] => (pinned ? [pinned, "-c", core] : []);

const directory = mkdtempSync(join(tmpdir(), "symbolon-bench-"));
const programs = createChildPrograms();
const stopAndExit = (): void => void cleanUp().then(() => process.exit(130));
process.once("SIGINT", stopAndExit).once("SIGTERM", stopAndExit);
try {
  await main();
} finally {
  await cleanUp();
}

async function main(): Promise<void> {
  const credentials = writeCredentials(directory);
  const load = await startLoad(programs, BACKEND_ADDRESS, pin("1"));
  const start = (startPair: StartPair, index: number): ProxyPair | undefined =>
    startPair({
      programs,
      pin: pin("0"),
      credentials,
      directory,
      port: load.port,
      backendAddress: BACKEND_ADDRESS,
      inboundAddress: `127.77.${index + 1}.1`,
      outboundAddress: `127.77.${index + 1}.2`,
    });
  const ours = start(startSymbolon, 0) ?? fail("our own pair did not start");
  const peers: ProxyPair[] = [];
  for (const [index, name] of values.peer.entries()) {
    const peer = PEERS[name] && start(PEERS[name], index + 1);
    if (peer) peers.push(peer);
    else console.log(`${name}: absent on this machine${name === "envoy" ? "; see bench/README.md" : ""}`);
  }
  for (const pair of [ours, ...peers]) {
    await untilListening(pair.inboundAddress, load.port);
    await untilListening(pair.outboundAddress, load.port);
    const passed = await forbiddenCallersThatPass(pair, load.port, credentials);
    if (passed.length > 0) fail(`${pair.name} lets through: ${passed.join(", ")}`);
  }

  const measure = async (pair: ProxyPair, forSeconds: number): Promise<Measurement> => {
    await load.send({ kind: "connect", address: pair.outboundAddress, connections, bytes });
    const before = cpuSeconds(pair.pids);
    const { roundTrips, seconds: elapsed, failures } = await load.send({ kind: "run", seconds: forSeconds });
    const cpu = cpuSeconds(pair.pids) - before;
    const megabytes = residentMegabytes(pair.pids);
    await load.send({ kind: "close" });
    if (failures > 0) fail(`${pair.name}: ${failures} of ${connections} connections broke`);
    return { perCpuSecond: roundTrips / cpu, perSecond: roundTrips / elapsed, megabytes };
  };
  for (const pair of [ours, ...peers]) await measure(pair, WARM_UP_SECONDS);
  const own: Measurement[] = [];
  const results = peers.map((peer) => ({ name: peer.name, own: [] as Measurement[], peer: [] as Measurement[] }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, peer] of peers.entries()) {
      results[index]?.own.push(await measure(ours, seconds));
      results[index]?.peer.push(await measure(peer, seconds));
    }
    if (peers.length === 0) own.push(await measure(ours, seconds));
  }
  printReport({ results, own, what: `${connections} connections, ${bytes} bytes there and back`, rounds, seconds });
}

async function cleanUp(): Promise<void> {
  await programs.stop();
  rmSync(directory, { recursive: true, force: true });
}

function positive(name: string, text: string): number {
  const value = Number(text);
  return Number.isFinite(value) && value > 0 ? value : fail(`--${name} ${text}: a number above 0 is wanted`);
}

function fail(message: string): never {
  throw new Error(message);
}
