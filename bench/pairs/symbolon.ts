import { join } from "node:path";
import packageJson from "../../packages/symbolon/package.json" with { type: "json" };
import type { PairContext, Product, ProxyPair } from "./pair.ts";
import type { ProxyRole } from "./symbolon-proxy.ts";

/** Our own pair: the production proxy, all checks on, the inbound side under STRICT. */
export const symbolon: Product = {
  name: "symbolon",
  version: () => `${packageJson.version} on Bun ${Bun.version}`,
  can: () => true,
  start,
};

function start(context: PairContext): ProxyPair {
  const { programs, pin, credentials, inboundAddress, outboundAddress } = context;
  const { port, backendAddress, directory, traffic } = context;
  const run = (role: ProxyRole["role"]): number => {
    const own = role === "inbound" ? credentials.server : credentials.client;
    const { caFile } = credentials;
    const logFile = join(directory, `symbolon-${role}-${inboundAddress}.log`);
    const order: ProxyRole = {
      role,
      port,
      backendAddress,
      inboundAddress,
      outboundAddress,
      caFile,
      own,
      traffic,
      logFile,
    };
    return programs.start([...pin, process.execPath, join(import.meta.dir, "symbolon-proxy.ts")], {
      BENCH_PROXY: JSON.stringify(order),
    }).pid;
  };
  return {
    name: "symbolon",
    inboundAddress,
    outboundAddress,
    inboundPid: run("inbound"),
    outboundPid: run("outbound"),
  };
}
