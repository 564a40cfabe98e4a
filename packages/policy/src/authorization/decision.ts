/** Names what decided. `policyId` is Istio's `ns[<ns>]-policy[<name>]-rule[<index>]`, CUSTOM with its prefix (§3.16). */
export interface RuleReference {
  readonly policy: { readonly namespace: string; readonly name: string };
  readonly ruleIndex: number;
  readonly policyId: string;
}

/** What the dry-run policies of one action would have decided, by themselves (istio-security §3.12). */
export interface ShadowResult {
  readonly result: "allowed" | "denied";
  /** Absent: no rule matched. */
  readonly by?: RuleReference;
}

export interface ShadowResults {
  /** Absent when a DENY policy refused before ALLOW policies were looked at, as in Istio's proxy. */
  readonly allow?: ShadowResult;
  readonly deny?: ShadowResult;
}

/** What every decision carries beside its outcome. */
interface Observed {
  /** An AUDIT policy matched: the access record says so. */
  readonly audit: boolean;
  /** Absent: no dry-run policies. */
  readonly shadow?: ShadowResults;
}

/** Stable codes; logs, metrics and the API carry them. */
export type AllowReason = "allow_rule_matched" | "no_allow_policy";
export type DenyReason =
  | "deny_rule_matched"
  /** There are ALLOW policies, and no rule of them matched. */
  | "no_allow_rule_matched"
  /** A CUSTOM policy matched whose provider is not configured (istio-security §3.10). */
  | "provider_missing"
  /** A CUSTOM policy matched on a workload with several providers, which Istio does not do by default. */
  | "several_providers"
  /** No server may be given this path: 400 instead of 403. */
  | "path_refused";

export type AllowDecision = Observed &
  (
    | { readonly outcome: "allow"; readonly reason: "allow_rule_matched"; readonly by: RuleReference }
    | { readonly outcome: "allow"; readonly reason: "no_allow_policy"; readonly by?: undefined }
  );
export type DenyDecision = Observed & {
  readonly outcome: "deny";
  readonly reason: DenyReason;
  /** Absent when no rule decided: "no_allow_rule_matched", "path_refused". */
  readonly by?: RuleReference;
};
/**
 * CUSTOM policies match: ask the providers in this order. One that refuses decides; when all agree, `decideAfterProviders`
 * has the last word. Nothing after CUSTOM has been looked at, so there is neither audit nor shadow result.
 */
export type AskProviderDecision = {
  readonly outcome: "ask_provider";
  readonly reason: "custom_rule_matched";
  readonly audit: false;
  readonly shadow?: undefined;
  readonly by: RuleReference;
  readonly asks: readonly ProviderQuestion[];
};

export interface ProviderQuestion {
  readonly provider: string;
  readonly by: RuleReference;
}

/** A refusal is a value. Decisions are frozen, and equal ones are mostly the same object. */
export type Decision = AllowDecision | DenyDecision | AskProviderDecision;

/** One line for logs and people: "denied: no ALLOW rule matched". */
export function decisionText(decision: Decision): string {
  const by = decision.by ? ` by ${decision.by.policyId}` : "";
  switch (decision.outcome) {
    case "allow":
      return decision.by ? `allowed${by}` : "allowed: no ALLOW policy applies to this workload";
    case "deny":
      return `denied${by}${DENY_TEXTS[decision.reason]}`;
    case "ask_provider":
      return `asks ${decision.asks.map(({ provider }) => provider).join(", ")}${by}`;
  }
}

const DENY_TEXTS: Readonly<Record<DenyReason, string>> = {
  deny_rule_matched: "",
  no_allow_rule_matched: ": there are ALLOW policies, and none of their rules matched",
  provider_missing: ", whose provider is not configured",
  several_providers: ": more than one provider applies to this workload",
  path_refused: ": no server may be given this path",
};
