/** What the page is told. It runs in a browser: nothing here leads to a module of the server. */

/** What the dashboard's page and `symbolon status` show: one row a workload, and what is wrong. JSON-safe. */
export interface Overview {
  readonly mesh: string;
  readonly trustDomain: string;
  readonly configVersion: number;
  /** How connections of applications come to their proxies, why so, and what is to be known of it. */
  readonly capture: {
    readonly mode: "transparent" | "explicit";
    readonly reason: string;
    readonly warnings: readonly string[];
  };
  /** Every workload has its pods, and no pod is on its way out. */
  readonly settled: boolean;
  /** Workload API for processes outside pods; absent while its agent is being started for the first time. */
  readonly workloadApi?: { readonly socket: string; readonly running: boolean };
  readonly workloads: readonly WorkloadRow[];
  /** Objects in force that were applied, now or in an earlier run, and are in no file that the mesh follows. */
  readonly applied: number;
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
  readonly mtlsMode?: "disable" | "permissive" | "strict";
  readonly spiffeId?: string;
  /** RFC 3339; absent while there is no certificate. */
  readonly certificateNotAfter?: string;
  readonly certificateSerial?: string;
  /** Configuration that this pod's proxy has; behind `Overview.configVersion` for a moment after each change. */
  readonly configVersion?: number;
}
