/**
 * From a CSR to a certificate over gRPC, each with a durable row and durable audit lines, beside what cannot be saved:
 * verifying the request's signature and making the certificate's. `run.ts [ROUNDS] [REQUESTS]`; see ../README.md.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
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

const IN_FLIGHT = 16;
const WARM_UP = 1500;
const rounds = Number(process.argv[2] ?? 5);
const requests = Number(process.argv[3] ?? 2000);
const { signal } = new AbortController();
const spiffeId = SpiffeId.parse("spiffe://bench.test/workload");

const directory = mkdtempSync(join(tmpdir(), "symbolon-issuance-"));
const children = createChildPrograms();
try {
  const server = children.start([process.execPath, join(import.meta.dirname, "server.ts"), directory]);
  await new Promise((resolve) => server.stdout?.once("data", resolve));
  const client = createAgentClient({ socketPath: join(directory, "ca.sock"), clock: systemClock });
  await issue(client, freshRequests(WARM_UP));
  floor(freshRequests(WARM_UP));

  const facts = machineFacts();
  console.log(`${facts.cpu}, ${facts.cores} cores, load ${facts.load.join(" ")}; ${IN_FLIGHT} in flight`);
  console.log("round  certificates/s  certificates/CPU-s  floor/CPU-s  share of floor");
  const shares: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const csrs = freshRequests(requests);
    const before = { cpu: cpuSeconds([server.pid]), at: performance.now() };
    await issue(client, csrs);
    const seconds = (performance.now() - before.at) / 1000;
    const perCpuSecond = requests / (cpuSeconds([server.pid]) - before.cpu);
    const floorPerCpuSecond = floor(csrs);
    shares.push(perCpuSecond / floorPerCpuSecond);
    const cells = [requests / seconds, perCpuSecond, floorPerCpuSecond].map((value) => value.toFixed(0).padStart(14));
    console.log(`${String(round).padStart(5)} ${cells.join("  ")}  ${(100 * (shares.at(-1) ?? 0)).toFixed(1)} %`);
  }
  const median = shares.toSorted((a, b) => a - b)[Math.floor(shares.length / 2)] ?? 0;
  console.log(`median share of the floor: ${(100 * median).toFixed(1)} %`);
  client.close();
} finally {
  await children.stop();
  rmSync(directory, { recursive: true, force: true });
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
