import type {
  AuthorizationPolicy,
  EntryExplanation,
  Explanation,
  ItemExplanation,
  RuleExplanation,
} from "@symbolon/policy";
import type { MissingFact } from "./access-question.ts";

export interface RuleVerdict {
  readonly outcome: "allow" | "deny" | "unknown";
  readonly reason: string;
  readonly by?: { readonly policy: AuthorizationPolicy; readonly ruleIndex: number };
  /** Of "unknown". */
  readonly missing?: MissingFact;
}

/** The missing facts that rules look at. */
export function neededFacts({ policies }: Explanation, missing: readonly MissingFact[]): readonly MissingFact[] {
  const fields = policies.flatMap(({ rules }) => rules.flatMap(itemsOf)).map(({ field }) => field);
  return missing.filter((fact) => fields.some((field) => fact.fields.test(field)));
}

/**
 * Decides with facts missing, in three-valued logic: an item that looks at one may be true or false. "allow" and "deny"
 * hold whatever the facts are; "unknown" names a fact that it depends on. A CUSTOM
 * rule that is true is left to whoever asks first.
 */
export function judgeRules(explanation: Explanation, missing: readonly MissingFact[]): RuleVerdict {
  const rows = explanation.policies
    .filter(({ policy }) => !policy.dryRun)
    .flatMap(({ policy, rules }) => rules.map((rule) => ({ policy, rule, truth: ruleTruth(rule, missing) })));
  const of = (action: AuthorizationPolicy["action"], truth: Truth) =>
    rows.find((row) => row.policy.action === action && row.truth === truth);
  const verdict = (outcome: "allow" | "deny", reason: string, row?: (typeof rows)[number]): RuleVerdict => ({
    outcome,
    reason,
    ...(row ? { by: { policy: row.policy, ruleIndex: row.rule.ruleIndex } } : {}),
  });
  const denies = of("deny", true);
  if (denies) return verdict("deny", "deny_rule_matched", denies);
  const allows = of("allow", true);
  const mayAllow = of("allow", "maybe");
  const hasAllow = explanation.policies.some(({ policy }) => policy.action === "allow" && !policy.dryRun);
  if (hasAllow && !allows && !mayAllow) return verdict("deny", "no_allow_rule_matched");
  const open = of("custom", "maybe") ?? of("deny", "maybe") ?? (hasAllow && !allows ? mayAllow : undefined);
  if (!open) return hasAllow ? verdict("allow", "allow_rule_matched", allows) : verdict("allow", "no_allow_policy");
  const looksAt = itemsOf(open.rule).flatMap(({ field }) => missing.find(({ fields }) => fields.test(field)) ?? []);
  const [fact] = looksAt;
  return {
    outcome: "unknown",
    reason: "fact_missing",
    by: { policy: open.policy, ruleIndex: open.rule.ruleIndex },
    ...(fact ? { missing: fact } : {}),
  };
}

type Truth = boolean | "maybe";

function ruleTruth(rule: RuleExplanation, missing: readonly MissingFact[]): Truth {
  if (rule.isDropped) return false;
  const item = (one: ItemExplanation): Truth => {
    if (one.isIgnored) return true;
    return missing.some(({ fields }) => fields.test(one.field)) ? "maybe" : one.matches;
  };
  const anyOf = (entries: readonly EntryExplanation[] | undefined): Truth =>
    entries ? or(entries.map(({ items }) => and(items.map(item)))) : true;
  return and([anyOf(rule.from), anyOf(rule.to), and(rule.when.map(item))]);
}

function and(truths: readonly Truth[]): Truth {
  return truths.includes(false) ? false : !truths.includes("maybe") || "maybe";
}

function or(truths: readonly Truth[]): Truth {
  return truths.includes(true) ? true : truths.includes("maybe") && "maybe";
}

function itemsOf({ from = [], to = [], when }: RuleExplanation): readonly ItemExplanation[] {
  return [...[...from, ...to].flatMap(({ items }) => items), ...when];
}
