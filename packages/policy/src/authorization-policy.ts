import type { SourcePosition } from "./document/index.ts";
import type { WorkloadSelector } from "./selector.ts";
import type { PolicyTargetReference } from "./target-reference.ts";

export type AuthorizationAction = "allow" | "deny" | "audit" | "custom";

/** Who may call a workload: Istio's `security.istio.io` AuthorizationPolicy (istio-security §3). */
export interface AuthorizationPolicy {
  readonly kind: "AuthorizationPolicy";
  readonly namespace: string;
  readonly name: string;
  /** Absent counts as older than any time, as Go's zero time does. */
  readonly creationTimestamp?: Date;
  readonly position: SourcePosition;
  /** Absent: every workload of the namespace, and of the mesh when the namespace is the root namespace. */
  readonly selector?: WorkloadSelector;
  readonly targetRefs: readonly PolicyTargetReference[];
  readonly action: AuthorizationAction;
  /** Name of an extension provider; with action "custom" alone. */
  readonly provider?: string;
  /** `istio.io/dry-run`: evaluated and reported, not enforced. */
  readonly dryRun: boolean;
  /** Empty: the policy matches nothing. */
  readonly rules: readonly Rule[];
}

/** OR over `from`, AND OR over `to`, AND all of `when`; an absent part is true (istio-security §3.2). */
export interface Rule {
  readonly position: SourcePosition;
  readonly from?: readonly Source[];
  readonly to?: readonly Operation[];
  readonly when: readonly Condition[];
}

/** The values of one field as written, each with its place. Never empty: an absent field has no list at all. */
export interface ValueList {
  readonly position: SourcePosition;
  readonly values: readonly PolicyValue[];
}

export interface PolicyValue {
  readonly value: string;
  readonly position: SourcePosition;
}

export type SourceField =
  | "principals"
  | "requestPrincipals"
  | "namespaces"
  | "serviceAccounts"
  | "trustDomains"
  | "ipBlocks"
  | "remoteIpBlocks";
export type OperationField = "hosts" | "ports" | "methods" | "paths";
/** The field that negates another: `notPrincipals` for `principals`. */
export type Negated<Field extends string> = `not${Capitalize<Field>}`;

/** AND over the fields that are set, OR over the values of each. */
export type Source = { readonly position: SourcePosition } & {
  readonly [Field in SourceField | Negated<SourceField>]?: ValueList;
};
export type Operation = { readonly position: SourcePosition } & {
  readonly [Field in OperationField | Negated<OperationField>]?: ValueList;
};

export interface Condition {
  readonly position: SourcePosition;
  /** One of istio-security §3.7, as written: "request.headers[x-token]", "source.ip". */
  readonly key: string;
  readonly values?: ValueList;
  readonly notValues?: ValueList;
}
