/** What the policies of a workload said of a connection or a request. JSON-safe; equal ones are mostly the same object. */
export interface AuthorizationRecord {
  readonly outcome: "allowed" | "denied";
  /** Stable code: "allow_rule_matched", "no_allow_policy", "deny_rule_matched", "no_allow_rule_matched", "path_refused". */
  readonly reason: string;
  /** `ns[<ns>]-policy[<name>]-rule[<index>]` of the rule that decided; absent when none did. */
  readonly policy?: string;
  /** An AUDIT policy matched; nothing else comes of it. */
  readonly audit?: true;
  /** What policies under `istio.io/dry-run` would have decided, by themselves (istio-security §3.12). */
  readonly dryRun?: { readonly allow?: DryRunRecord; readonly deny?: DryRunRecord };
}

export interface DryRunRecord {
  readonly result: "allowed" | "denied";
  readonly policy?: string;
}
