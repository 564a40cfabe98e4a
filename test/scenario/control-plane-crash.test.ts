/**
 * SR-21, RR-20: the control plane dies by SIGKILL again and again while clients ask for certificates. Whatever a client
 * holds afterwards must be in the store, and the store must be whole. SYMBOLON_TEST_SEED repeats a run's kill times.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BundleSet, X509Bundle } from "@symbolon/spiffe/bundle";
import { silentLog, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { SpiffeId, TrustDomain } from "@symbolon/spiffe/id";
import { verifyX509Svid } from "@symbolon/spiffe/svid";
import { createFakeRandom } from "@symbolon/spiffe/testing";
import {
  type Certificate,
  certificateSigningRequestToPem,
  createCertificateSigningRequest,
  createKeyPair,
  parseCertificatesPem,
} from "@symbolon/spiffe/x509";
import { openSecretDirectory, readAuditLog } from "../../packages/symbolon/src/adapters/fs/index.ts";
import { createCertificateClient } from "../../packages/symbolon/src/adapters/grpc/index.ts";
import { createApiClient } from "../../packages/symbolon/src/adapters/http/index.ts";
import { createSqliteIssuanceLog, openDatabase } from "../../packages/symbolon/src/adapters/sqlite/index.ts";
import type { MeshConfig } from "../../packages/symbolon/src/app/index.ts";
import { queryAuditLog, verifyAuditLog } from "../../packages/symbolon/src/audit/index.ts";
import { loadTokenIssuer, type TokenIssuer } from "../../packages/symbolon/src/ca/index.ts";
import { meshPaths } from "../../packages/symbolon/src/core/index.ts";
import { deployment, namespace, ROOT } from "./mesh-under-test.ts";

/** At least so many, and more until clients have received more certificates than this: a busy machine gives them less of each life. */
const KILLS = 200;
const MAX_KILLS = 4 * KILLS;
const CLIENTS = 6;
/** A kill comes so long after the CA serves, at most. */
const MAX_SERVING_MS = 150;
/** Each such kill comes so long after the start at most, which may be before the CA serves. */
const EARLY_KILL_EVERY = 5;
const MAX_STARTING_MS = 300;
const MAX_RESTART_MS = 5000;
/** Of every control plane. */
const PORT = 15012;
const TRUST_DOMAIN = TrustDomain.parse("cluster.local");
const TOKEN_ISSUER = "https://kubernetes.default.svc.cluster.local";
const AUDIENCE = "istio-ca";

interface Received {
  readonly spiffeId: string;
  readonly leafPem: string;
  readonly rootsPem: string;
  readonly publicKeySha256: string;
}

const seed = Number(process.env.SYMBOLON_TEST_SEED ?? randomInt(1, 2 ** 31));
const random = createFakeRandom(seed);
const directory = mkdtempSync(join(tmpdir(), "symbolon-ca-crash-"));
const paths = meshPaths({ state: join(directory, "state"), runtime: join(directory, "run") });
const clientName = (index: number) => `client-${index}`;
const config: MeshConfig = {
  name: "default",
  stateDirectory: paths.state,
  runtimeDirectory: paths.runtime,
  trustDomain: TRUST_DOMAIN.name,
  clusterDomain: "cluster.local",
  rootNamespace: "istio-system",
  manifestPaths: [join(directory, "mesh.yaml")],
  recursive: false,
  defaultNamespace: "default",
  allowUnenforced: false,
  auditFull: "refuse",
  accessRecords: true,
  denialReasonHeader: false,
  podCidr: "10.244.0.0/16",
  serviceCidr: "10.96.0.0/16",
  svidLifetimeSeconds: 86_400,
  imageMap: [],
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
  workingDirectory: directory,
  logLevel: "info",
  capture: { mode: "transparent", reason: "the test's own namespaces", ca: { host: "0.0.0.0", port: 15012 } },
};
const received: Received[] = [];
let running: ChildProcess | undefined;

afterAll(() => {
  running?.kill("SIGKILL");
  rmSync(directory, { recursive: true });
});

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

async function portIsFree(): Promise<boolean> {
  const server = net.createServer().listen(PORT, "0.0.0.0");
  const free = await Promise.race([
    once(server, "listening").then(() => true),
    once(server, "error").then(() => false),
  ]);
  if (free) {
    server.close();
    await once(server, "close");
  }
  return free;
}

/** What the launcher does before the first process of a mesh. */
function prepareState(): void {
  const directories = [paths.state, paths.logsDirectory, paths.runtime, join(paths.runtime, "pods")];
  for (const path of directories) mkdirSync(path, { recursive: true, mode: 0o700 });
  const clients = Array.from({ length: CLIENTS }, (_, index) =>
    deployment({ name: clientName(index), namespace: "load", command: ["sleep", "infinity"] }),
  );
  writeFileSync(join(directory, "mesh.yaml"), namespace("load", true) + clients.join(""));
}

/**
 * Runs a mesh's control plane for a while and kills it.
 * @returns ms from start to serving, if it came so far
 */
async function runOnce(early: boolean, whileServing?: () => Promise<void>): Promise<number | undefined> {
  const started = performance.now();
  const program = join(ROOT, "packages/symbolon/bin/symbolon.ts");
  const child = spawn(process.execPath, [program, "internal", "control-plane", JSON.stringify(config)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  running = child;
  let output = "";
  const ended = once(child, "exit");
  const serving = new Promise<number>((resolve) => {
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (text) => {
        output += text;
        if (output.includes('"message":"started"')) resolve(performance.now() - started);
      });
  });
  if (early) {
    await Promise.race([ended, Bun.sleep(random.fraction() * MAX_STARTING_MS)]);
  } else {
    await Promise.race([ended, serving]);
    await whileServing?.();
    await Promise.race([ended, Bun.sleep(random.fraction() * MAX_SERVING_MS)]);
  }
  child.kill("SIGKILL");
  const [code, signal] = await ended;
  if (signal !== "SIGKILL") throw new Error(`the control plane ended by itself (${code ?? signal}): ${output}`);
  return Promise.race([serving, Promise.resolve(undefined)]);
}

interface LoadPod {
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

interface ClientOptions {
  readonly pod: LoadPod;
  readonly tokens: TokenIssuer;
  readonly rootCertificatePem: string;
  readonly signal: AbortSignal;
}

async function askForCertificates({ pod, tokens, rootCertificatePem, signal }: ClientOptions) {
  const spiffeId = SpiffeId.fromSegments(TRUST_DOMAIN, "ns", pod.namespace, "sa", pod.serviceAccount);
  const client = createCertificateClient({
    address: `127.0.0.1:${PORT}`,
    rootCertificatePem,
    serverName: "istiod.istio-system.svc",
    clock: systemClock,
    timeoutMs: 2000,
  });
  const refusals: unknown[] = [];
  while (!signal.aborted) {
    const keyPair = createKeyPair();
    const csrPem = certificateSigningRequestToPem(createCertificateSigningRequest({ keyPair, spiffeId }));
    const { token } = tokens.issueServiceAccountToken({
      namespace: pod.namespace,
      serviceAccount: pod.serviceAccount,
      podName: pod.name,
      podUid: pod.uid,
      audiences: [AUDIENCE],
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

describe(`a control plane that is killed at least ${KILLS} times under load (seed ${seed})`, () => {
  test("starts again each time within 5 s, and refuses no client", async () => {
    expect(await portIsFree()).toBe(true);
    prepareState();
    // Made here, before the control plane first reads it: afterwards one process alone writes that directory.
    const tokens = await loadTokenIssuer({
      issuer: TOKEN_ISSUER,
      directory: await openSecretDirectory(paths.tokenIssuerDirectory),
      clock: systemClock,
      random: systemRandom,
    });
    let pods: readonly LoadPod[] = [];
    await runOnce(false, async () => {
      pods = (await createApiClient({ socketPath: paths.apiSocket }).status()).pods.map(({ pod }) => pod);
    });
    expect(pods).toHaveLength(CLIENTS);
    const rootCertificatePem = readFileSync(paths.rootCertificate, "utf8");
    const ending = new AbortController();
    const clients = pods.map((pod) => askForCertificates({ pod, tokens, rootCertificatePem, signal: ending.signal }));
    const startTimes: number[] = [];
    let kills = 1;
    let servingKills = 0;
    try {
      for (; kills < KILLS || (kills < MAX_KILLS && received.length <= KILLS); kills++) {
        const servingAfterMs = await runOnce(kills % EARLY_KILL_EVERY === 0);
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
      `seed ${seed}: ${kills} kills, ${servingKills + 1} of them while serving; ${received.length} certificates received; slowest start ${Math.max(...startTimes).toFixed(0)} ms`,
    );
    expect(received.length).toBeGreaterThan(KILLS);
  }, 900_000);

  test("has every certificate that a client received in its store, with what it says, and none twice", async () => {
    const database = openDatabase(paths.database);
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
    const rootsPem = readFileSync(paths.rootCertificate, "utf8");
    const bundles = BundleSet.of(X509Bundle.fromPem(TRUST_DOMAIN, rootsPem));
    for (const { leafPem, rootsPem: answered } of received) {
      expect(answered).toBe(rootsPem);
      verifyX509Svid([leafOf(leafPem).der], bundles, { now: new Date() });
    }
  }, 60_000);

  test("has an audit log that verifies, with a success for every certificate that a client received", async () => {
    const files = await readAuditLog(join(paths.auditDirectory, "control-plane"));
    const { problems, lines } = await verifyAuditLog(files, { now: new Date() });
    expect(problems).toEqual([]);
    expect(lines).toBeGreaterThan(received.length);
    const successes = new Set<unknown>();
    await queryAuditLog(files, { outcome: "success" }, ({ details }) => successes.add(details?.serialNumber));
    expect(received.filter(({ leafPem }) => !successes.has(leafOf(leafPem).serialNumberHex))).toEqual([]);
  });
});

function leafOf(pem: string): Certificate {
  const [leaf] = parseCertificatesPem(pem);
  if (!leaf) throw new Error("no certificate");
  return leaf;
}
