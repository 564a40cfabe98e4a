import type { Clock, Log } from "@symbolon/spiffe/core";
import { createRecordFile, type RecordFile } from "../adapters/fs/record-file.ts";
import { accessRecordsFile, type MeshPaths } from "../core/index.ts";
import type { ProxyConfig } from "../mesh/index.ts";
import {
  type ConnectionRecord,
  createAccessLineWriter,
  createIstioMetrics,
  createMetricRegistry,
  createProxyMetrics,
  type FamilySnapshot,
  hasOwnLine,
  type ProxyMetrics,
  type ProxyVitals,
  type RequestRecord,
} from "../telemetry/index.ts";
import { addProcessMetrics } from "./process-metrics.ts";

/** What becomes of a proxy's records: lines of a file, and numbers. */
export interface ProxyTelemetry {
  requestEnded(record: RequestRecord): void;
  connectionEnded(record: ConnectionRecord): void;
  readonly limitReached: ProxyMetrics["limitReached"];
  metrics(): readonly FamilySnapshot[];
  close(): Promise<void>;
}

export function createProxyTelemetry(options: {
  readonly paths: MeshPaths;
  /** False: no file. */
  readonly accessRecords: boolean;
  readonly config: () => ProxyConfig | undefined;
  readonly vitals: () => Omit<ProxyVitals, "accessRecords">;
  readonly clock: Clock;
  readonly log: Log;
}): ProxyTelemetry {
  const { paths, config, vitals, clock, log } = options;
  const registry = createMetricRegistry();
  const istio = createIstioMetrics(registry, config);
  let access: RecordFile<RequestRecord | ConnectionRecord> | undefined;

  const proxyMetrics = createProxyMetrics(registry, () => {
    const now = vitals();
    istio.connectionsLive(now.connections);
    return { ...now, accessRecords: { written: access?.written ?? 0, dropped: access?.dropped ?? 0 } };
  });
  addProcessMetrics(registry, clock.now());

  return {
    requestEnded(record) {
      istio.request(record);
      proxyMetrics.requestEnded(record);
      accessOfPod()?.write(record);
    },
    connectionEnded(record) {
      istio.connectionEnded(record);
      proxyMetrics.connectionEnded(record);
      if (hasOwnLine(record)) accessOfPod()?.write(record);
    },
    limitReached: proxyMetrics.limitReached,
    metrics: () => registry.snapshot(),
    close: async () => access?.close(),
  };

  /** Named with the first configuration: there is no connection before it, and a pod never changes its name. */
  function accessOfPod(): typeof access {
    if (access || !options.accessRecords) return access;
    const local = config()?.local;
    if (!local) return undefined;
    const lines = createAccessLineWriter({ name: local.podName, namespace: local.namespace });
    access = createRecordFile<RequestRecord | ConnectionRecord>({
      path: accessRecordsFile(paths, local.namespace, local.podName),
      format: (into, record) => ("method" in record ? lines.request(into, record) : lines.connection(into, record)),
      clock,
      log,
    });
    return access;
  }
}
