/**
 * SR-21, RR-20: the CA dies by SIGKILL again and again while clients ask for certificates. Whatever a client holds
 * afterwards must be in the store, and the store must be whole. SYMBOLON_TEST_SEED repeats a run's kill times.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { BundleSet, X509Bundle } from "@symbolon/spiffe/bundle";
import { silentLog, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { SpiffeId } from "@symbolon/spiffe/id";
import { verifyX509Svid } from "@symbolon/spiffe/svid";
import { createFakeRandom } from "@symbolon/spiffe/testing";
import {
  type Certificate,
  certificateSigningRequestToPem,
  createCertificateSigningRequest,
  createKeyPair,
  parseCertificatesPem,
} from "@symbolon/spiffe/x509";
import { openSecretDirectory } from "../../packages/symbolon/src/adapters/fs/index.ts";
import { createCertificateClient } from "../../packages/symbolon/src/adapters/grpc/index.ts";
import { createSqliteIssuanceLog, openDatabase } from "../../packages/symbolon/src/adapters/sqlite/index.ts";
import { loadTokenIssuer, type TokenIssuer } from "../../packages/symbolon/src/ca/index.ts";
import { CA_UNDER_TEST, podOf } from "./programs/ca-settings.ts";

const KILLS = 200;
const CLIENTS = 6;
/** A kill comes so long after the CA serves, at most. */
const MAX_SERVING_MS = 150;
/** Each such kill comes so long after the start at most, which may be before the CA serves. */
const EARLY_KILL_EVERY = 5;
const MAX_STARTING_MS = 150;
const MAX_RESTART_MS = 5000;
const PROGRAM = resolve(import.meta.dir, "programs/ca.ts");

interface Received {
  readonly spiffeId: string;
  readonly leafPem: string;
  readonly rootsPem: string;
  readonly publicKeySha256: string;
}

const seed = Number(process.env.SYMBOLON_TEST_SEED ?? randomInt(1, 2 ** 31));
const random = createFakeRandom(seed);
const directory = mkdtempSync(join(tmpdir(), "symbolon-ca-crash-"));
const received: Received[] = [];
let running: ChildProcess | undefined;

afterAll(() => {
  running?.kill("SIGKILL");
  rmSync(directory, { recursive: true });
});

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The same port for all starts, as a client knows it. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Runs the CA for a while and kills it. @returns ms from start to serving, if it came so far */
async function runOnce(port: number, early: boolean): Promise<number | undefined> {
  const started = performance.now();
  const child = spawn(process.execPath, [PROGRAM, directory, String(port)], { stdio: "pipe" });
  running = child;
  let complaint = "";
  child.stderr.on("data", (text) => {
    complaint += text;
  });
  const ended = once(child, "exit");
  const serving = once(child.stdout, "data").then(() => performance.now() - started);
  if (early) {
    await Promise.race([ended, Bun.sleep(random.fraction() * MAX_STARTING_MS)]);
  } else {
    await Promise.race([ended, serving]);
    await Promise.race([ended, Bun.sleep(random.fraction() * MAX_SERVING_MS)]);
  }
  child.kill("SIGKILL");
  const [code, signal] = await ended;
  if (signal !== "SIGKILL") throw new Error(`the CA ended by itself (${code ?? signal}): ${complaint}`);
  return Promise.race([serving, Promise.resolve(undefined)]);
}

interface ClientOptions {
  readonly name: string;
  readonly port: number;
  readonly tokens: TokenIssuer;
  readonly rootCertificatePem: string;
  readonly signal: AbortSignal;
}

async function askForCertificates({ name, port, tokens, rootCertificatePem, signal }: ClientOptions) {
  const spiffeId = SpiffeId.fromSegments(CA_UNDER_TEST.trustDomain, "ns", podOf(name).namespace, "sa", name);
  const client = createCertificateClient({
    address: `127.0.0.1:${port}`,
    rootCertificatePem,
    serverName: CA_UNDER_TEST.serverName,
    clock: systemClock,
    timeoutMs: 2000,
  });
  const refusals: unknown[] = [];
  while (!signal.aborted) {
    const keyPair = createKeyPair();
    const csrPem = certificateSigningRequestToPem(createCertificateSigningRequest({ keyPair, spiffeId }));
    const { token } = tokens.issueServiceAccountToken({
      ...podOf(name),
      podName: name,
      podUid: name,
      audiences: [CA_UNDER_TEST.audience],
      lifetimeSeconds: 600,
    });
    try {
      const answer = await client.createCertificate({ csrPem, validitySeconds: 3600, token }, signal);
      const [leafPem = ""] = answer.certificateChainPem;
      const publicKeySha256 = sha256(keyPair.spki);
      received.push({ spiffeId: spiffeId.toString(), leafPem, rootsPem: answer.rootsPem, publicKeySha256 });
    } catch (error) {
      if ((error as { code?: string }).code !== "ERR_CA_CALL_RETRYABLE") refusals.push(error);
      await Bun.sleep(5);
    }
  }
  client.close();
  return refusals;
}

describe(`a CA that is killed ${KILLS} times under load (seed ${seed})`, () => {
  test("starts again each time within 5 s, and refuses no client", async () => {
    const port = await freePort();
    // Made here, before the CA first reads it: afterwards one process alone writes that directory.
    const tokens = await loadTokenIssuer({
      issuer: CA_UNDER_TEST.tokenIssuer,
      directory: await openSecretDirectory(join(directory, "tokens")),
      clock: systemClock,
      random: systemRandom,
    });
    await runOnce(port, false);
    const rootCertificatePem = readFileSync(join(directory, "ca/root-cert.pem"), "utf8");
    const ending = new AbortController();
    const clients = Array.from({ length: CLIENTS }, (_, n) =>
      askForCertificates({ name: `client-${n}`, port, tokens, rootCertificatePem, signal: ending.signal }),
    );
    const startTimes: number[] = [];
    let servingKills = 0;
    try {
      for (let kill = 1; kill < KILLS; kill++) {
        const servingAfterMs = await runOnce(port, kill % EARLY_KILL_EVERY === 0);
        if (servingAfterMs === undefined) continue;
        servingKills++;
        startTimes.push(servingAfterMs);
      }
    } finally {
      ending.abort();
    }
    expect((await Promise.all(clients)).flat()).toEqual([]);
    expect(Math.max(...startTimes)).toBeLessThan(MAX_RESTART_MS);
    console.log(
      `seed ${seed}: ${KILLS} kills, ${servingKills + 1} of them while serving; ${received.length} certificates received; slowest start ${Math.max(...startTimes).toFixed(0)} ms`,
    );
    expect(received.length).toBeGreaterThan(KILLS);
  }, 300_000);

  test("has every certificate that a client received in its store, with what it says, and none twice", async () => {
    const database = openDatabase(join(directory, "state.db"));
    const issuances = createSqliteIssuanceLog({ database, clock: systemClock, log: silentLog });
    const serials = new Set<string>();
    for (const { spiffeId, leafPem, publicKeySha256 } of received) {
      const leaf = leafOf(leafPem);
      serials.add(leaf.serialNumberHex);
      expect(await issuances.findBySerial(leaf.serialNumberHex)).toMatchObject({
        spiffeId,
        publicKeySha256,
        tbsSha256: sha256(leaf.tbsDer),
        notAfter: leaf.notAfter,
      });
      expect(sha256(leaf.spki)).toBe(publicKeySha256);
    }
    expect(serials.size).toBe(received.length);
    const stored = database
      .query<{ records: number; serials: number }, []>(
        "SELECT count(*) AS records, count(DISTINCT serial_number) AS serials FROM issuances WHERE kind = 'workload'",
      )
      .get();
    // Otherwise no kill fell between a record and its answer, and the run has shown nothing.
    expect(stored?.records).toBeGreaterThan(received.length);
    expect(stored?.serials).toBe(stored?.records);
    expect(database.query("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
    console.log(
      `store: ${stored?.records} records, of which ${(stored?.records ?? 0) - received.length} never answered`,
    );
    database.close();
  }, 60_000);

  test("signs with one root from the first start to the last", () => {
    const rootsPem = readFileSync(join(directory, "ca/root-cert.pem"), "utf8");
    const bundles = BundleSet.of(X509Bundle.fromPem(CA_UNDER_TEST.trustDomain, rootsPem));
    for (const { leafPem, rootsPem: answered } of received) {
      expect(answered).toBe(rootsPem);
      verifyX509Svid([leafOf(leafPem).der], bundles, { now: new Date() });
    }
  }, 60_000);

  test("has an audit of whole lines, with a success for every certificate that a client received", () => {
    const lines = readFileSync(join(directory, "audit.log"), "utf8").split("\n");
    expect(lines.pop()).toBe("");
    const events = lines.map((line) => JSON.parse(line) as { outcome: string; details?: { serialNumber?: string } });
    const successes = new Set(
      events.flatMap(({ outcome, details }) => (outcome === "success" ? [details?.serialNumber] : [])),
    );
    expect(received.filter(({ leafPem }) => !successes.has(leafOf(leafPem).serialNumberHex))).toEqual([]);
  });
});

function leafOf(pem: string): Certificate {
  const [leaf] = parseCertificatesPem(pem);
  if (!leaf) throw new Error("no certificate");
  return leaf;
}
