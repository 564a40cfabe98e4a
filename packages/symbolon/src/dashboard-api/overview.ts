import type { EffectiveMtlsMode, Pod, PodStatus } from "../mesh/index.ts";

/** What the dashboard's page and `symbolon status` show: one row a workload, and what is wrong. JSON-safe. */
export interface Overview {
  readonly mesh: string;
  readonly trustDomain: string;
  readonly configVersion: number;
  /** Every workload has its pods, and no pod is on its way out. */
  readonly settled: boolean;
  readonly workloads: readonly WorkloadRow[];
  /** Formatted findings of manifests that are not in force. */
  readonly findings: readonly string[];
  /** Absent while no dashboard is served. */
  readonly dashboardUrl?: string;
}

export interface WorkloadRow {
  readonly namespace: string;
  readonly pod: string;
  readonly ready: boolean;
  readonly reason?: string;
  readonly address: string;
  readonly sidecar: boolean;
  /** Mode of inbound connections; absent for a pod without sidecar, which speaks plaintext. */
  readonly mtlsMode?: EffectiveMtlsMode;
  readonly spiffeId?: string;
  /** RFC 3339; absent while there is no certificate. */
  readonly certificateNotAfter?: string;
  readonly certificateSerial?: string;
  /** Configuration that this pod's proxy has; behind `Overview.configVersion` for a moment after each change. */
  readonly configVersion?: number;
}

/** What one proxy says of itself. */
export interface ProxyFacts {
  readonly mtlsMode?: EffectiveMtlsMode;
  readonly spiffeId?: string;
  readonly notAfter?: string;
  readonly serialNumber?: string;
  readonly configVersion?: number;
}

export function workloadRow(pod: Pod, status: PodStatus | undefined, proxy: ProxyFacts | undefined): WorkloadRow {
  return {
    namespace: pod.namespace,
    pod: pod.name,
    ready: status?.ready ?? false,
    ...(status?.reason ? { reason: status.reason } : {}),
    address: pod.address,
    sidecar: pod.sidecar,
    ...(pod.sidecar && proxy?.mtlsMode ? { mtlsMode: proxy.mtlsMode } : {}),
    ...(pod.sidecar && proxy?.spiffeId ? { spiffeId: proxy.spiffeId } : {}),
    ...(proxy?.notAfter ? { certificateNotAfter: proxy.notAfter } : {}),
    ...(proxy?.configVersion === undefined ? {} : { configVersion: proxy.configVersion }),
    ...(proxy?.serialNumber ? { certificateSerial: proxy.serialNumber } : {}),
  };
}
