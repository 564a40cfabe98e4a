/**
 * A request over the library's mutual TLS, in the program itself, against the same in plaintext through a pair of sidecars,
 * ours and Envoy: `requests.ts [N] [ROUNDS] [bare]`. Both programs on one runtime, on each in turn; our sidecars on Bun.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { installNode, NODE_VERSIONS } from "../../test/runtimes/install-node.ts";
import { createChildPrograms, untilListening } from "../harness/child-programs.ts";
import { writeCredentials } from "../harness/credentials.ts";
import { machineFacts } from "../harness/machine-facts.ts";
import { proveRefusals } from "../harness/refusals.ts";
import { OURS } from "../harness/session.ts";
import { summarize } from "../harness/statistics.ts";
import { HTTP, HTTP_WITH_EVERYTHING } from "../harness/traffic.ts";
import { envoy } from "../pairs/envoy.ts";
import type { ClientOrder, Measured, Ports } from "./client.ts";

const count = Number(process.argv[2] ?? 2000);
const rounds = Number(process.argv[3] ?? 5);
/** As the product does it, or bare: without policies and access records. */
const traffic = process.argv[4] === "bare" ? HTTP : HTTP_WITH_EVERYTHING;
const runtimes: readonly (readonly [name: string, command: readonly string[]])[] = [
  [`Bun ${Bun.version}`, [process.execPath]],
  ...NODE_VERSIONS.map(
    (version) => [`Node ${version}`, [installNode(version), "--conditions=bun", "--no-warnings"]] as const,
  ),
];

const products = [OURS, envoy].filter((product) => product.version() !== undefined);
if (!products.includes(envoy)) console.log("envoy is not on this machine: not compared");
const directory = mkdtempSync(join(tmpdir(), "symbolon-sdk-"));
const programs = createChildPrograms();
try {
  const credentials = writeCredentials(directory);
  const { caFile, client, server } = credentials;
  const facts = machineFacts();
  console.log(`${facts.date}, ${facts.cpu}, ${facts.cores} cores, load ${facts.load.join(" ")}; ${count} requests`);
  for (const [index, [name, command]] of runtimes.entries()) {
    const backEnd = programs.start([...command, join(import.meta.dir, "server.ts")], {
      BENCH_SERVER: JSON.stringify({ caFile, ...server }),
    });
    const ports: Ports = JSON.parse(await firstLine(backEnd));
    for (const product of products) product.prepare?.(directory);
    const pairs = products.map((product, at) => ({
      product,
      ...product.start({
        programs,
        pin: [],
        credentials,
        directory,
        port: ports.plain,
        backendAddress: "127.0.0.1",
        inboundAddress: `127.78.${2 * index + at}.1`,
        outboundAddress: `127.78.${2 * index + at}.2`,
        traffic,
      }),
    }));
    for (const pair of pairs) {
      for (const address of [pair.inboundAddress, pair.outboundAddress]) await untilListening(address, ports.plain);
      await proveRefusals(pair, ports.plain, credentials, traffic);
    }
    const sidecars = Object.fromEntries(pairs.map(({ product, outboundAddress }) => [product.name, outboundAddress]));
    const order: ClientOrder = { count, rounds, caFile, ...client, ports, sidecars };
    print(name, await measure([...command, join(import.meta.dir, "client.ts")], order));
    const started = [backEnd.pid, ...pairs.flatMap(({ inboundPid, outboundPid }) => [inboundPid, outboundPid])];
    for (const pid of started) process.kill(pid, "SIGKILL");
  }
} finally {
  await programs.stop();
  rmSync(directory, { recursive: true, force: true });
}
process.exit();

async function firstLine(child: ReturnType<typeof programs.start>): Promise<string> {
  const [line] = await once(createInterface(child.stdout as NodeJS.ReadableStream), "line");
  return line;
}

async function measure([program = "", ...args]: readonly string[], order: ClientOrder): Promise<readonly Measured[]> {
  const env = { ...process.env, BENCH_CLIENT: JSON.stringify(order) };
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const [status] = await once(child, "close");
  if (status !== 0) throw new Error(`${program} ended with ${status}`);
  return output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** Ratios of the same round: what else the machine does then, it does to both. */
function print(runtime: string, measured: readonly Measured[]): void {
  console.log(`${runtime.padEnd(14)} over the same through sidecars: ${products.map(({ name }) => name).join(", ")}`);
  const roundsOf = (wanted: string) => measured.find(({ way }) => way === wanted)?.rounds ?? [];
  for (const { way, references, rounds: medians } of measured) {
    const ratios = references.map((reference) => {
      const reached = roundsOf(reference);
      const { median, lowest, highest } = summarize(medians.map((ms, round) => ms / (reached[round] ?? Number.NaN)));
      return `${median.toFixed(2)} (${lowest.toFixed(2)} to ${highest.toFixed(2)})`;
    });
    const { median } = summarize(medians);
    console.log(`${runtime.padEnd(14)} ${way.padEnd(44)} p50 ${median.toFixed(3)} ms  ${ratios.join("  ")}`);
  }
}
