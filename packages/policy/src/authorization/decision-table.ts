import type { AuthorizationView, CustomRules } from "./authorization-view.ts";
import type { Decision, ProviderQuestion, RuleReference, ShadowResult, ShadowResults } from "./decision.ts";
import type { RuleStructure } from "./rule-items.ts";
import { NO_RULE, type RuleSet } from "./rule-set.ts";

/** Istio's name of a rule; Envoy's configuration and logs know it by this (istio-security §3.16). */
export function policyIdOf({ policy, ruleIndex }: Pick<RuleStructure, "policy" | "ruleIndex">): string {
  return `ns[${policy.namespace}]-policy[${policy.name}]-rule[${ruleIndex}]`;
}

/** Places of the first matching rule of each set; NO_RULE where none does. */
export interface MatchedRules {
  audit: number;
  deny: number;
  allow: number;
  shadowDeny: number;
  shadowAllow: number;
}

/** Makes each decision once and hands out the same frozen object again, so that deciding allocates nothing. */
export class DecisionTable {
  readonly #view: AuthorizationView;
  readonly #plain = new Map<number, Decision>();
  /** With audit and shadow results. */
  readonly #observed = new Map<number, Decision>();
  readonly #isObserved: boolean;

  constructor(view: AuthorizationView) {
    this.#view = view;
    this.#isObserved = view.audit !== undefined || view.shadowDeny !== undefined || view.shadowAllow !== undefined;
  }

  decisionOf(matched: MatchedRules): Decision {
    const key = this.#enforcedKey(matched);
    if (this.#isObserved) return this.#observedDecision(key, matched);
    const known = this.#plain.get(key);
    if (known) return known;
    const decision = this.#create(matched, { audit: false });
    this.#plain.set(key, decision);
    return decision;
  }

  ask(questions: readonly ProviderQuestion[]): Decision {
    const [first] = questions;
    if (!first) throw new TypeError("nobody to ask");
    return Object.freeze({
      outcome: "ask_provider" as const,
      reason: "custom_rule_matched" as const,
      audit: false as const,
      by: first.by,
      asks: Object.freeze([...questions]),
    });
  }

  question({ provider, rules }: CustomRules, position: number): ProviderQuestion {
    return Object.freeze({ provider, by: referenceTo(rules, position, { prefix: `istio-ext-authz-${provider}-` }) });
  }

  refusal({ refusal, rules }: CustomRules, position: number): Decision {
    return Object.freeze({
      outcome: "deny" as const,
      reason: refusal ?? ("provider_missing" as const),
      by: referenceTo(rules, position, { suffix: "-deny-due-to-bad-CUSTOM-action" }),
      audit: false,
    });
  }

  #observedDecision(enforced: number, matched: MatchedRules): Decision {
    const { shadowDeny, shadowAllow } = this.#view;
    // One number for one combination, exact up to 2^53: (enforced, shadow deny, shadow allow, audit).
    const denies = (shadowDeny?.rules.length ?? 0) + 1;
    const allows = (shadowAllow?.rules.length ?? 0) + 1;
    const audit = matched.audit !== NO_RULE;
    const shadowKey =
      (enforced * denies + slot(matched.shadowDeny, denies)) * allows + slot(matched.shadowAllow, allows);
    const key = shadowKey * 2 + (audit ? 1 : 0);
    const known = this.#observed.get(key);
    if (known) return known;
    const shadow = this.#shadowOf(matched);
    const decision = this.#create(matched, { audit, ...(shadow && { shadow }) });
    if (this.#observed.size >= MAX_OBSERVED) this.#observed.clear();
    this.#observed.set(key, decision);
    return decision;
  }

  #enforcedKey({ deny, allow }: MatchedRules): number {
    if (deny !== NO_RULE) return 2 + 2 * deny;
    if (allow !== NO_RULE) return 3 + 2 * allow;
    return this.#view.allow === undefined ? 0 : 1;
  }

  #create({ deny, allow }: MatchedRules, observed: Pick<Decision, "audit"> & { shadow?: ShadowResults }): Decision {
    const view = this.#view;
    if (view.deny && deny !== NO_RULE)
      return Object.freeze({
        outcome: "deny" as const,
        reason: "deny_rule_matched" as const,
        by: referenceTo(view.deny, deny),
        ...observed,
      });
    if (!view.allow)
      return Object.freeze({ outcome: "allow" as const, reason: "no_allow_policy" as const, ...observed });
    if (allow === NO_RULE)
      return Object.freeze({ outcome: "deny" as const, reason: "no_allow_rule_matched" as const, ...observed });
    return Object.freeze({
      outcome: "allow" as const,
      reason: "allow_rule_matched" as const,
      by: referenceTo(view.allow, allow),
      ...observed,
    });
  }

  #shadowOf({ deny, shadowDeny, shadowAllow }: MatchedRules): ShadowResults | undefined {
    const view = this.#view;
    if (!view.shadowDeny && !view.shadowAllow) return undefined;
    const results: { deny?: ShadowResult; allow?: ShadowResult } = {};
    if (view.shadowDeny)
      results.deny = shadowResult(view.shadowDeny, shadowDeny, { matched: "denied", none: "allowed" });
    if (view.shadowAllow && deny === NO_RULE)
      results.allow = shadowResult(view.shadowAllow, shadowAllow, { matched: "allowed", none: "denied" });
    return Object.freeze(results);
  }
}

/** Before any rule is looked at: Envoy answers 400 to such a path. */
export const PATH_REFUSED: Decision = Object.freeze({
  outcome: "deny" as const,
  reason: "path_refused" as const,
  audit: false,
});

function shadowResult(
  rules: RuleSet,
  position: number,
  words: { readonly matched: ShadowResult["result"]; readonly none: ShadowResult["result"] },
): ShadowResult {
  if (position === NO_RULE) return Object.freeze({ result: words.none });
  return Object.freeze({ result: words.matched, by: referenceTo(rules, position) });
}

function referenceTo(
  { rules }: RuleSet,
  position: number,
  { prefix = "", suffix = "" }: { readonly prefix?: string; readonly suffix?: string } = {},
): RuleReference {
  const rule = rules[position];
  if (!rule) throw new TypeError(`no rule has the place ${position}`);
  const { namespace, name } = rule.policy;
  return Object.freeze({
    policy: Object.freeze({ namespace, name }),
    ruleIndex: rule.ruleIndex,
    policyId: `${prefix}${policyIdOf(rule)}${suffix}`,
  });
}

function slot(position: number, slots: number): number {
  return position === NO_RULE ? slots - 1 : position;
}

const MAX_OBSERVED = 4096;
