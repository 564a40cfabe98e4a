import { existsSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../../packages/symbolon/package.json" with { type: "json" };
import type { PairContext, Product, ProxyPair } from "./pair.ts";
import type { ProxyRole } from "./symbolon-proxy.ts";

/** Our own pair: the production proxy, all checks on, the inbound side under STRICT. */
export const symbolon: Product = {
  name: "symbolon",
  version: () => `${packageJson.version} on Bun ${Bun.version}`,
  compilesAsItRuns: true,
  can: () => true,
  prepare: (directory) => void bundle(import.meta.dir, directory),
  start: (context) => start("symbolon", import.meta.dir, context),
};

/** Ours as it is in another working tree, BENCH_BASELINE: what a change gains is measured against it. */
export const baseline: Product = {
  name: "baseline",
  version: () => process.env.BENCH_BASELINE,
  compilesAsItRuns: true,
  can: () => true,
  start: (context) => start("baseline", join(process.env.BENCH_BASELINE ?? ".", "bench/pairs"), context),
};

/** One file, as the released executable has it; made once for each working tree. */
function bundle(programs: string, directory: string): string {
  const file = join(directory, `symbolon-proxy-${Bun.hash(programs)}.js`);
  if (existsSync(file)) return file;
  const build = ["build", "--target=bun", `--outfile=${file}`, join(programs, "symbolon-proxy.ts")];
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, ...build], { stdout: "ignore", stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`the proxy could not be bundled: ${stderr.toString()}`);
  return file;
}

function start(name: string, programs: string, context: PairContext): ProxyPair {
  const { pin, credentials, inboundAddress, outboundAddress } = context;
  const flags = process.env.BENCH_BUN_FLAGS?.split(" ") ?? [];
  const { port, backendAddress, directory, traffic } = context;
  const program = bundle(programs, directory);
  const run = (role: ProxyRole["role"]): number => {
    const own = role === "inbound" ? credentials.server : credentials.client;
    const { caFile } = credentials;
    const stateDirectory = join(directory, `${name}-${role}-${inboundAddress}`);
    const order: ProxyRole = {
      role,
      port,
      backendAddress,
      inboundAddress,
      outboundAddress,
      caFile,
      own,
      traffic,
      stateDirectory,
    };
    return context.programs.start([...pin, process.execPath, ...flags, program], {
      BENCH_PROXY: JSON.stringify(order),
      // As the supervisor starts a proxy.
      SSL_CERT_DIR: "",
    }).pid;
  };
  return {
    name,
    inboundAddress,
    outboundAddress,
    inboundPid: run("inbound"),
    outboundPid: run("outbound"),
  };
}
