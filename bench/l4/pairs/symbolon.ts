import { join } from "node:path";
import type { PairContext, ProxyPair } from "./pair.ts";

/** Our own pair: the production proxy, all checks on, the inbound side under STRICT. */
export function startSymbolon(context: PairContext): ProxyPair {
  const { programs, pin, credentials, port, backendAddress, inboundAddress, outboundAddress } = context;
  const start = (role: "inbound" | "outbound"): number =>
    programs.start([...pin, process.execPath, join(import.meta.dir, "../symbolon-proxy.ts")], {
      BENCH_PROXY: JSON.stringify({
        role,
        port,
        backendAddress,
        inboundAddress,
        outboundAddress,
        caFile: credentials.caFile,
        own: role === "inbound" ? credentials.server : credentials.client,
      }),
    }).pid;
  return { name: "symbolon", inboundAddress, outboundAddress, pids: [start("inbound"), start("outbound")] };
}
