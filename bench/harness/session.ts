import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { envoy } from "../pairs/envoy.ts";
import { haproxy } from "../pairs/haproxy.ts";
import { nginx } from "../pairs/nginx.ts";
import type { Product, ProxyPair, Traffic } from "../pairs/pair.ts";
import { baseline, symbolon } from "../pairs/symbolon.ts";
import { type ChildPrograms, createChildPrograms, untilListening } from "./child-programs.ts";
import { type CredentialFiles, writeCredentials } from "./credentials.ts";
import { type LoadClient, startLoad } from "./load-client.ts";
import { type Negotiated, proveRefusals } from "./refusals.ts";

export const OURS: Product = symbolon;
export const PEERS: readonly Product[] = [nginx, haproxy, envoy, baseline];

const BACKEND_ADDRESS = "127.77.0.1";

export type StartedPair = ProxyPair & { readonly negotiated: Negotiated; stop(): Promise<void> };

/** A load generator with its back end, and the pairs that are started one after another; all of it ends with `close`. */
export interface Session {
  readonly load: LoadClient;
  readonly credentials: CredentialFiles;
  /** A pair that has refused whom it has to refuse. */
  start(product: Product, traffic: Traffic): Promise<StartedPair>;
  close(): Promise<void>;
}

/** The proxies on one core, everything else on another: what the generator needs is then nobody's CPU time. */
export async function openSession(): Promise<Session> {
  const taskset = availableParallelism() > 1 ? Bun.which("taskset") : null;
  const pin = (core: string): string[] => (taskset ? [taskset, "-c", core] : []);
  const directory = mkdtempSync(join(tmpdir(), "symbolon-bench-"));
  const programs = createChildPrograms();
  const running = new Set<ChildPrograms>([programs]);
  const close = async (): Promise<void> => {
    for (const each of running) await each.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  const stopAndExit = (): void => void close().then(() => process.exit(130));
  process.once("SIGINT", stopAndExit).once("SIGTERM", stopAndExit);
  const credentials = writeCredentials(directory);
  const load = await startLoad(programs, BACKEND_ADDRESS, pin("1"));
  let pairs = 0;
  return {
    load,
    credentials,
    async start(product, traffic) {
      pairs++;
      // Of its own: a pair ends with its comparison.
      const own = createChildPrograms();
      running.add(own);
      const pair = product.start({
        programs: own,
        pin: pin("0"),
        credentials,
        directory,
        port: load.port,
        backendAddress: BACKEND_ADDRESS,
        inboundAddress: `127.77.${pairs}.1`,
        outboundAddress: `127.77.${pairs}.2`,
        traffic,
      });
      await untilListening(pair.inboundAddress, load.port);
      await untilListening(pair.outboundAddress, load.port);
      const negotiated = await proveRefusals(pair, load.port, credentials, traffic);
      return { ...pair, negotiated, stop: () => own.stop().finally(() => running.delete(own)) };
    },
    close,
  };
}
