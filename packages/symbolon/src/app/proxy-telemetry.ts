import type { Clock, Log } from "@symbolon/spiffe/core";
import { createRecordFile, type RecordFile } from "../adapters/fs/index.ts";
import { accessRecordsFile, type MeshPaths } from "../core/index.ts";
import type { ProxyConfig } from "../mesh/index.ts";
import {
  type AccessLineWriter,
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
  let access: { readonly lines: AccessLineWriter; readonly file: RecordFile } | undefined;

  const proxyMetrics = createProxyMetrics(registry, () => {
    const now = vitals();
    istio.connectionsLive(now.connections);
    return { ...now, accessRecords: { written: access?.file.written ?? 0, dropped: access?.file.dropped ?? 0 } };
  });
  addProcessMetrics(registry, clock.now());

  return {
    requestEnded(record) {
      istio.request(record);
      proxyMetrics.requestEnded(record);
      const to = accessOfPod();
      const into = to?.file.begin();
      if (!into) return;
      to?.lines.request(into, record);
      to?.file.end();
    },
    connectionEnded(record) {
      istio.connectionEnded(record);
      proxyMetrics.connectionEnded(record);
      if (!hasOwnLine(record)) return;
      const to = accessOfPod();
      const into = to?.file.begin();
      if (!into) return;
      to?.lines.connection(into, record);
      to?.file.end();
    },
    limitReached: proxyMetrics.limitReached,
    metrics: () => registry.snapshot(),
    close: async () => access?.file.close(),
  };

  /** Named with the first configuration: there is no connection before it, and a pod never changes its name. */
  function accessOfPod(): typeof access {
    if (access || !options.accessRecords) return access;
    const local = config()?.local;
    if (!local) return undefined;
    const pod = { name: local.podName, namespace: local.namespace };
    access = {
      lines: createAccessLineWriter(pod),
      file: createRecordFile({ path: accessRecordsFile(paths, pod.namespace, pod.name), clock, log }),
    };
    return access;
  }
}
