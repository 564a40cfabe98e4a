/**
 * From a CSR to a certificate over gRPC, each with a durable row and durable audit lines, beside what cannot be saved:
 * verifying the request's signature and making the certificate's. `run.ts [ROUNDS] [REQUESTS]`; see ../README.md.
 */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@symbolon/spiffe/core";
import { SpiffeId } from "@symbolon/spiffe/id";
import {
  createCertificateSigningRequest,
  createKeyPair,
  parseCertificate,
  parseCertificateSigningRequest,
  signDer,
  verifyCsrSignature,
} from "@symbolon/spiffe/x509";
import { createAgentClient } from "../../packages/symbolon/src/adapters/grpc/index.ts";
import { createChildPrograms } from "../harness/child-programs.ts";
import { machineFacts } from "../harness/machine-facts.ts";
import { cpuSeconds } from "../harness/process-usage.ts";
import { summarize } from "../harness/statistics.ts";

const IN_FLIGHT = 16;
/** The server's JIT compiler, whose threads are on its account, works until about the 15,000th certificate. */
const WARM_UP = 20_000;
const FLOOR_WARM_UP = 2000;
const rounds = Number(process.argv[2] ?? 5);
const requests = Number(process.argv[3] ?? 2000);
const { signal } = new AbortController();
const spiffeId = SpiffeId.parse("spiffe://bench.test/workload");

/** Ours, and with BENCH_BASELINE=TREE the same server of another working tree, in turn with it. */
const trees = [join(import.meta.dirname, "../.."), process.env.BENCH_BASELINE].filter((tree) => tree !== undefined);
const directory = mkdtempSync(join(tmpdir(), "symbolon-issuance-"));
const children = createChildPrograms();
try {
  const servers = await Promise.all(trees.map(startServer));
  for (const { client } of servers) await issue(client, freshRequests(WARM_UP));
  floor(freshRequests(FLOOR_WARM_UP));

  const facts = machineFacts();
  console.log(`${facts.cpu}, ${facts.cores} cores, load ${facts.load.join(" ")}; ${IN_FLIGHT} in flight`);
  console.log("round  tree      certificates/s  certificates/CPU-s  floor/CPU-s  share of floor");
  for (let round = 1; round <= rounds; round++) {
    const csrs = freshRequests(requests);
    for (const server of round % 2 === 0 ? servers.toReversed() : servers) {
      const floorBefore = floor(csrs);
      const before = { cpu: cpuSeconds([server.pid]), at: performance.now() };
      await issue(server.client, csrs);
      const seconds = (performance.now() - before.at) / 1000;
      const perCpuSecond = requests / (cpuSeconds([server.pid]) - before.cpu);
      // Before and after: the machine is not as busy at the one as at the other.
      const floorPerCpuSecond = 2 / (1 / floorBefore + 1 / floor(csrs));
      server.results.push({ perCpuSecond, share: perCpuSecond / floorPerCpuSecond });
      const cells = [requests / seconds, perCpuSecond, floorPerCpuSecond].map((value) => value.toFixed(0).padStart(14));
      const share = `${((100 * perCpuSecond) / floorPerCpuSecond).toFixed(1)} %`;
      console.log(`${String(round).padStart(5)}  ${server.name.padEnd(8)} ${cells.join("  ")}  ${share}`);
    }
  }
  for (const { name, results, client } of servers) {
    const perCpuSecond = summarize(results.map((result) => result.perCpuSecond)).median.toFixed(0);
    const share = (100 * summarize(results.map((result) => result.share)).median).toFixed(1);
    console.log(`${name}: median ${perCpuSecond} certificates/CPU-s, ${share} % of the floor`);
    client.close();
  }
} finally {
  await children.stop();
  rmSync(directory, { recursive: true, force: true });
}

async function startServer(tree: string, index: number) {
  const name = index === 0 ? "ours" : "baseline";
  const state = join(directory, name);
  mkdirSync(state);
  const server = children.start([process.execPath, join(tree, "bench/issuance/server.ts"), state]);
  await new Promise((resolve) => server.stdout?.once("data", resolve));
  const client = createAgentClient({ socketPath: join(state, "ca.sock"), clock: systemClock });
  return { name, pid: server.pid, client, results: [] as { perCpuSecond: number; share: number }[] };
}

/** A key of its own in each, as agents send them. */
function freshRequests(count: number): readonly Uint8Array[] {
  return Array.from(
    { length: count },
    () => createCertificateSigningRequest({ keyPair: createKeyPair("ec-p256"), spiffeId }).der,
  );
}

/** All of them, `IN_FLIGHT` at a time; every answer has to be a certificate for the request's key. */
async function issue(client: ReturnType<typeof createAgentClient>, csrs: readonly Uint8Array[]): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < csrs.length; at = next++) {
      const csr = csrs[at] ?? new Uint8Array();
      const [leaf = new Uint8Array()] = await client.createX509Svid({ entryId: "bench", csr }, signal);
      const wanted = parseCertificateSigningRequest(csr).spki;
      if (hash(parseCertificate(leaf).spki) !== hash(wanted)) throw new Error("a certificate for another key");
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
}

/** What is left when everything else costs nothing, in this process. @returns pairs of verify and sign a CPU second */
function floor(csrs: readonly Uint8Array[]): number {
  const { privateKey } = createKeyPair("ec-p256");
  const parsed = csrs.map((csr) => parseCertificateSigningRequest(csr));
  const before = process.cpuUsage();
  for (const csr of parsed) {
    verifyCsrSignature(csr);
    signDer(privateKey, csr.der);
  }
  const { user, system } = process.cpuUsage(before);
  return csrs.length / ((user + system) / 1e6);
}

function hash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
