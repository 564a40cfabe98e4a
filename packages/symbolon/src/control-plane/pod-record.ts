import type { ObjectKey, Pod, PodStatus } from "../mesh/index.ts";

/** What the control plane keeps of one pod, JSON-safe; stored, so that a restart neither renames nor readdresses it. */
export interface PodRecord {
  readonly pod: Pod;
  /** Deployment, or the Pod object itself. */
  readonly owner: ObjectKey;
  readonly templateHash: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly createdAt: string;
  /** Set while the pod runtime ends it: gone from endpoints, still holding its name and its address. */
  readonly terminatingSince?: string;
  /** Last report of the pod runtime. */
  readonly status?: PodStatus;
}

export function isReady(record: PodRecord): boolean {
  return record.terminatingSince === undefined && record.status?.ready === true;
}
