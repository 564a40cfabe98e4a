/** What one request costs besides being carried: its record as a line in a file, and its metrics. CPU time of all threads. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog, systemClock } from "@symbolon/spiffe/core";
import { createProxyTelemetry } from "../../packages/symbolon/src/app/proxy-telemetry.ts";
import { meshPaths } from "../../packages/symbolon/src/core/index.ts";
import type { ProxyConfig, WorkloadView } from "../../packages/symbolon/src/mesh/index.ts";
import type { RequestRecord } from "../../packages/symbolon/src/telemetry/index.ts";
import { summarize } from "../harness/statistics.ts";

const BATCH = 2_000;
const BATCHES = 60;
const WARM_UP_BATCHES = 15;
const CLIENT = "spiffe://cluster.local/ns/foo/sa/client";
const SERVER = "spiffe://cluster.local/ns/foo/sa/server";

/** Medians in microseconds for each record. */
export async function measureRecordCost(): Promise<Readonly<Record<string, number>>> {
  return {
    "making the record": await cost(() => undefined),
    metrics: await costWith(false),
    "metrics and a line in the file": await costWith(true),
  };
}

async function costWith(accessRecords: boolean): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "symbolon-bench-"));
  const config = proxyConfig();
  const telemetry = createProxyTelemetry({
    paths: meshPaths({ state: directory, runtime: "/run/bench" }),
    accessRecords,
    config: () => config,
    vitals: () => ({ ready: true, connections: [], handshakes: 0, upstreams: { idle: 0, inUse: 0 } }),
    clock: systemClock,
    log: silentLog,
  });
  try {
    return await cost(telemetry.requestEnded);
  } finally {
    await telemetry.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function cost(use: (record: RequestRecord) => void): Promise<number> {
  const each: number[] = [];
  for (let batch = 0; batch < BATCHES + WARM_UP_BATCHES; batch++) {
    const before = process.cpuUsage();
    for (let index = 0; index < BATCH; index++) {
      use(newRecord(batch, index));
      // The thread pool writes while requests come in, as it does in a proxy.
      if (index % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const { user, system } = process.cpuUsage(before);
    if (batch >= WARM_UP_BATCHES) each.push((user + system) / BATCH);
  }
  return summarize(each).median;
}

/** With new strings each time, as they come out of a parser. */
function newRecord(batch: number, index: number): RequestRecord {
  return {
    connection: index % 64,
    direction: "inbound",
    start: new Date(1.7e12 + batch * BATCH + index).toISOString(),
    durationMs: (index % 97) / 10,
    responseMs: (index % 89) / 10,
    peerAddress: `10.0.0.${1 + (index % 8)}`,
    originalDestination: "10.0.0.100:8080",
    method: "GET",
    path: `/items/${index}?page=${batch}`,
    authority: "server.foo:8000",
    protocol: "HTTP/1.1",
    requestId: `0f0e0d0c-0b0a-4908-8706-${String(index).padStart(12, "0")}`,
    userAgent: "benchmark/1.0",
    status: index % 50 === 0 ? 404 : 200,
    flags: [],
    upstream: `169.254.1.2:${8080}`,
    security: "mtls",
    localSpiffeId: SERVER,
    peerSpiffeId: CLIENT,
    peerSerial: "011f6e2da8b2c834e11eb4e36ae8da7930",
    tlsVersion: "TLSv1.3",
    requestBytes: 0,
    responseBytes: 1024,
  };
}

function proxyConfig(): ProxyConfig {
  const names = (name: string) => ({ workload: name, app: name, canonicalService: name, canonicalRevision: "latest" });
  const workload = (name: string, address: string, spiffeId: string): WorkloadView => ({
    podUid: `${name}-${address}`,
    namespace: "foo",
    name: `${name}-${address}`,
    address,
    spiffeId,
    sidecar: true,
    plaintextPorts: [],
    plaintextByDefault: false,
    names: names(name),
  });
  const server = workload("server", "10.0.0.100", SERVER);
  return {
    version: 1,
    local: {
      podUid: server.podUid,
      podName: server.name,
      namespace: "foo",
      serviceAccount: "server",
      address: server.address,
      sidecar: true,
      inboundMode: "strict",
      inboundPorts: [],
      authorizationPolicies: [],
    },
    mesh: {
      trustDomain: "cluster.local",
      trustDomainAliases: [],
      pathNormalization: "base",
      denialReasonHeader: false,
      clusterDomain: "cluster.local",
      services: [
        {
          namespace: "foo",
          name: "server",
          ports: [
            {
              port: 8000,
              protocol: "http",
              endpoints: [{ podUid: server.podUid, address: server.address, port: 8080, tls: true }],
              expectedSpiffeIds: [SERVER],
            },
          ],
        },
      ],
      workloads: [
        server,
        ...Array.from({ length: 8 }, (_, index) => workload("client", `10.0.0.${1 + index}`, CLIENT)),
      ],
      capturedPorts: [8000, 8080],
    },
  };
}
