import type { AuthorizationAction, AuthorizationPolicy } from "../authorization-policy.ts";
import type { CompiledRule } from "./compiled-rule.ts";
import type { ConnectionFacts } from "./connection-facts.ts";
import type { DenyReason } from "./decision.ts";
import { DecisionTable } from "./decision-table.ts";
import type { PolicyRule } from "./policy-rules.ts";
import { PreparedView } from "./prepared-view.ts";
import { RuleSet } from "./rule-set.ts";

/** An HTTP provider "cannot serve TCP chains (ignored there)" (istio-security §3.10). */
export type ProviderKind = "http" | "grpc";

export interface ViewOptions {
  readonly protocol: "http" | "tcp";
  readonly providers?: ReadonlyMap<string, ProviderKind>;
  readonly allowSeveralProviders?: boolean;
}

/** The CUSTOM rules of one provider, or of several that may not be asked. */
export interface CustomRules {
  readonly provider: string;
  /** Present: what matches is denied without a question. */
  readonly refusal?: DenyReason;
  readonly rules: RuleSet;
}

/** All rules of a workload as connections of one protocol see them. Absent: there is no such policy, not even an empty one. */
export class AuthorizationView {
  /** Those that deny come first, then by provider. */
  readonly custom: readonly CustomRules[];
  readonly audit: RuleSet | undefined;
  readonly deny: RuleSet | undefined;
  readonly allow: RuleSet | undefined;
  readonly shadowDeny: RuleSet | undefined;
  readonly shadowAllow: RuleSet | undefined;
  readonly decisions: DecisionTable;

  /** `rules` in the order in which the first match decides. */
  constructor(policies: readonly AuthorizationPolicy[], rules: readonly PolicyRule[], options: ViewOptions) {
    const isTcp = options.protocol === "tcp";
    const seen = rules.flatMap((rule) => (isTcp ? rule.tcp : rule.http) ?? []);
    const ruleSet = (action: AuthorizationAction, dryRun: boolean) =>
      policies.some((policy) => policy.action === action && policy.dryRun === dryRun)
        ? new RuleSet(seen.filter(({ structure: { policy } }) => policy.action === action && policy.dryRun === dryRun))
        : undefined;
    this.custom = customRules(seen, options);
    this.audit = ruleSet("audit", false);
    this.deny = ruleSet("deny", false);
    this.allow = ruleSet("allow", false);
    this.shadowDeny = ruleSet("deny", true);
    this.shadowAllow = ruleSet("allow", true);
    this.decisions = new DecisionTable(this);
  }

  prepare(facts: ConnectionFacts): PreparedView {
    return new PreparedView(this, facts);
  }
}

function customRules(seen: readonly CompiledRule[], options: ViewOptions): CustomRules[] {
  const byProvider = new Map<string, CompiledRule[]>();
  const custom = seen.filter(({ structure: { policy } }) => policy.action === "custom" && !policy.dryRun);
  for (const rule of custom) {
    const provider = rule.structure.policy.provider ?? "";
    const rules = byProvider.get(provider) ?? [];
    byProvider.set(provider, rules);
    rules.push(rule);
  }
  if (byProvider.size > 1 && !options.allowSeveralProviders)
    return [{ provider: "", refusal: "several_providers", rules: new RuleSet(custom) }];
  const entries = [...byProvider].sort(([left], [right]) => (left < right ? -1 : 1));
  const rows = entries.flatMap(([provider, rules]): CustomRules[] => {
    const kind = options.providers?.get(provider);
    if (options.providers && kind === undefined)
      return [{ provider, refusal: "provider_missing", rules: new RuleSet(rules) }];
    if (options.protocol === "tcp" && kind === "http") return [];
    return [{ provider, rules: new RuleSet(rules) }];
  });
  return [...rows.filter(({ refusal }) => refusal), ...rows.filter(({ refusal }) => !refusal)];
}
