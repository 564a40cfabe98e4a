import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { envoy } from "../pairs/envoy.ts";
import { haproxy } from "../pairs/haproxy.ts";
import { nginx } from "../pairs/nginx.ts";
import type { Product, ProxyPair, Traffic } from "../pairs/pair.ts";
import { baseline, symbolon } from "../pairs/symbolon.ts";
import { createChildPrograms, untilListening } from "./child-programs.ts";
import { type CredentialFiles, writeCredentials } from "./credentials.ts";
import { type LoadClient, startLoad } from "./load-client.ts";
import { type Negotiated, proveRefusals } from "./refusals.ts";

export const OURS: Product = symbolon;
export const PEERS: readonly Product[] = [nginx, haproxy, envoy, baseline];

const BACKEND_ADDRESS = "127.77.0.1";

export type StartedPair = ProxyPair & {
  readonly negotiated: Negotiated;
  /** From the start of both processes inbound one's first accepted connection. */
  readonly readyMs: number;
  /** Seconds that it has been busy for: a JIT has compiled what it runs. */
  warmedUpSeconds: number;
};

/** A load generator with its back end, and the pairs that are started one after another; all of it ends with `close`. */
export interface Session {
  readonly load: LoadClient;
  readonly credentials: CredentialFiles;
  /** A pair that has refused whom it has to refuse; started once for each product and traffic. */
  pair(product: Product, traffic: Traffic, options?: { readonly pinned: boolean }): Promise<StartedPair>;
  close(): Promise<void>;
}

/** The proxies on one core, everything else on another: what the generator needs is then nobody's CPU time. */
export async function openSession(): Promise<Session> {
  const taskset = availableParallelism() > 1 ? Bun.which("taskset") : null;
  const pin = (core: string): string[] => (taskset ? [taskset, "-c", core] : []);
  const directory = mkdtempSync(join(tmpdir(), "symbolon-bench-"));
  const programs = createChildPrograms();
  const close = async (): Promise<void> => {
    await programs.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  const stopAndExit = (): void => void close().then(() => process.exit(130));
  process.once("SIGINT", stopAndExit).once("SIGTERM", stopAndExit);
  const credentials = writeCredentials(directory);
  const load = await startLoad(programs, BACKEND_ADDRESS, pin("1"));
  const pairs = new Map<string, Promise<StartedPair>>();

  return {
    load,
    credentials,
    pair(product, traffic, { pinned } = { pinned: true }) {
      const key = JSON.stringify([product.name, traffic, pinned]);
      const known = pairs.get(key) ?? start(product, traffic, pairs.size + 1, pinned);
      pairs.set(key, known);
      return known;
    },
    close,
  };

  async function start(product: Product, traffic: Traffic, index: number, pinned: boolean): Promise<StartedPair> {
    product.prepare?.(directory);
    const startedMs = performance.now();
    const pair = product.start({
      programs,
      pin: pinned ? pin("0") : [],
      credentials,
      directory,
      port: load.port,
      backendAddress: BACKEND_ADDRESS,
      inboundAddress: `127.77.${index}.1`,
      outboundAddress: `127.77.${index}.2`,
      traffic,
    });
    await untilListening(pair.inboundAddress, load.port);
    const readyMs = performance.now() - startedMs;
    await untilListening(pair.outboundAddress, load.port);
    const negotiated = await proveRefusals(pair, load.port, credentials, traffic);
    return { ...pair, negotiated, readyMs, warmedUpSeconds: 0 };
  }
}
