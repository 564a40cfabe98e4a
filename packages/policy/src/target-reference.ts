import type { SourcePosition } from "./document/index.ts";

/** What a policy is attached to instead of workload labels (istio-security §0.2); a sidecar ignores such policies. */
export interface PolicyTargetReference {
  readonly position: SourcePosition;
  /** Empty for the core group. */
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}
