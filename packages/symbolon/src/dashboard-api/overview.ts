import type { EffectiveMtlsMode, Pod, PodStatus } from "../mesh/index.ts";
import type { WorkloadRow } from "./api-types.ts";

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
    ...(pod.sidecar && proxy?.notAfter ? { certificateNotAfter: proxy.notAfter } : {}),
    ...(proxy?.configVersion === undefined ? {} : { configVersion: proxy.configVersion }),
    ...(pod.sidecar && proxy?.serialNumber ? { certificateSerial: proxy.serialNumber } : {}),
  };
}
