/**
 * RR-22: the disk under the CA's state is full. Nothing is signed that cannot be recorded; when space returns, so does
 * the CA, without a restart. The state lies on a small tmpfs in a mount namespace of the CA's own.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, copyFileSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { silentLog, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { SpiffeId } from "@symbolon/spiffe/id";
import {
  certificateSigningRequestToPem,
  createCertificateSigningRequest,
  createKeyPair,
  parseCertificatesPem,
} from "@symbolon/spiffe/x509";
import { openSecretDirectory, readAuditLog } from "../../packages/symbolon/src/adapters/fs/index.ts";
import { type CertificateClient, createCertificateClient } from "../../packages/symbolon/src/adapters/grpc/index.ts";
import { createSqliteIssuanceLog, openDatabase } from "../../packages/symbolon/src/adapters/sqlite/index.ts";
import { queryAuditLog, verifyAuditLog } from "../../packages/symbolon/src/audit/index.ts";
import { loadTokenIssuer, type TokenIssuer } from "../../packages/symbolon/src/ca/index.ts";
import { CA_UNDER_TEST, podOf } from "./programs/ca-settings.ts";

const PROGRAM = resolve(import.meta.dir, "programs/ca.ts");
const DISK_BYTES = 16 << 20;
const POD = "client-0";
const RESOURCE_EXHAUSTED = 8;
const RECOVERY_MS = 10_000;

const mountPoint = mkdtempSync(join(tmpdir(), "symbolon-full-"));
const never = new AbortController().signal;
let caProcess: ChildProcess;
let client: CertificateClient;
let tokens: TokenIssuer;
/** The tmpfs, seen from outside its namespace. */
let disk: string;
const serials: string[] = [];

beforeAll(async () => {
  const port = await freePort();
  const script = 'mount -t tmpfs -o mode=700,size="$1" tmpfs "$2" && exec "$3" "$4" "$2" "$5"';
  const args = ["-rm", "sh", "-c", script, "sh", DISK_BYTES, mountPoint, process.execPath, PROGRAM, port].map(String);
  caProcess = spawn("unshare", args, { stdio: ["pipe", "pipe", "inherit"] });
  const [first] = await Promise.race([
    once(caProcess.stdout as NonNullable<typeof caProcess.stdout>, "data"),
    once(caProcess, "exit"),
  ]);
  expect(String(first)).toBe("ready\n");
  disk = `/proc/${caProcess.pid}/root${mountPoint}`;
  tokens = await loadTokenIssuer({
    issuer: CA_UNDER_TEST.tokenIssuer,
    directory: await openSecretDirectory(join(disk, "tokens")),
    clock: systemClock,
    random: systemRandom,
  });
  client = createCertificateClient({
    address: `127.0.0.1:${port}`,
    rootCertificatePem: readFileSync(join(disk, "ca/root-cert.pem"), "utf8"),
    serverName: CA_UNDER_TEST.serverName,
    clock: systemClock,
  });
});

afterAll(() => {
  client?.close();
  caProcess?.kill("SIGKILL");
  rmSync(mountPoint, { recursive: true });
});

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** @returns the serial number, which is also noted */
async function ask(): Promise<string> {
  const keyPair = createKeyPair();
  const spiffeId = SpiffeId.fromSegments(CA_UNDER_TEST.trustDomain, "ns", podOf(POD).namespace, "sa", POD);
  const csrPem = certificateSigningRequestToPem(createCertificateSigningRequest({ keyPair, spiffeId }));
  const { token } = tokens.issueServiceAccountToken({
    ...podOf(POD),
    podName: POD,
    podUid: POD,
    audiences: [CA_UNDER_TEST.audience],
    lifetimeSeconds: 600,
  });
  const { certificateChainPem } = await client.createCertificate({ csrPem, validitySeconds: 3600, token }, never);
  const [leaf] = parseCertificatesPem(certificateChainPem[0] ?? "");
  if (!leaf) throw new Error("no certificate");
  serials.push(leaf.serialNumberHex);
  return leaf.serialNumberHex;
}

/** Writes until not one byte more goes in. */
function fillDisk(): void {
  const file = openSync(join(disk, "ballast"), "w");
  for (const size of [1 << 16, 1 << 12, 1]) {
    const block = Buffer.alloc(size);
    try {
      while (writeSync(file, block) > 0);
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOSPC") throw error;
    }
  }
  closeSync(file);
}

describe("a CA whose disk is full", () => {
  test("refuses with ResourceExhausted, signs nothing, and goes on when there is space again", async () => {
    await ask();
    for (let round = 0; round < 3; round++) {
      fillDisk();
      // Space that was allocated before may still take a few.
      const before = await untilRefused();
      for (let n = 0; n < 50; n++) {
        const error = await ask().then(
          () => undefined,
          (refusal) => refusal,
        );
        expect(error).toMatchObject({ code: "ERR_CA_CALL_RETRYABLE", details: { grpcCode: RESOURCE_EXHAUSTED } });
      }
      expect(serials).toHaveLength(before);
      rmSync(join(disk, "ballast"));
      const freed = performance.now();
      await ask();
      expect(performance.now() - freed).toBeLessThan(RECOVERY_MS);
    }
    expect(caProcess.exitCode).toBeNull();
  }, 60_000);

  test("has every certificate that was given in its store, which is whole", async () => {
    // A copy, because SQLite follows /proc/PID/root to this namespace's own files; nothing writes now.
    for (const name of ["state.db", "state.db-wal"]) copyFileSync(join(disk, name), join(mountPoint, name));
    const database = openDatabase(join(mountPoint, "state.db"));
    const issuances = createSqliteIssuanceLog({ database, clock: systemClock, log: silentLog });
    for (const serial of serials) expect(await issuances.findBySerial(serial)).toBeDefined();
    expect(database.query("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
    database.close();
  });

  test("has an audit log that verifies, with every certificate that was given", async () => {
    const files = await readAuditLog(join(disk, "audit"));
    const { problems, lines } = await verifyAuditLog(files, { now: new Date() });
    expect(problems).toEqual([]);
    expect(lines).toBeGreaterThan(serials.length);
    const successes: unknown[] = [];
    await queryAuditLog(files, { outcome: "success" }, ({ details }) => successes.push(details?.serialNumber));
    expect(serials.filter((serial) => !successes.includes(serial))).toEqual([]);
  });
});

/** @returns how many certificates had been given by then */
async function untilRefused(): Promise<number> {
  for (let tries = 0; tries < 2000; tries++) {
    try {
      await ask();
    } catch {
      return serials.length;
    }
  }
  throw new Error("the disk is not full");
}
