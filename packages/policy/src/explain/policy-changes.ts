import type { AuthorizationPolicy, Rule } from "../authorization-policy.ts";
import { policySize } from "./change-size.ts";
import type { PolicyChange } from "./explanation.ts";
import { type Opening, openingOfEnforcement, openingOfLoss, openingOfRule, openingText } from "./opening.ts";
import type { PolicyState } from "./outcome-counter.ts";
import { type ChangeContext, type Part, ruleVariants } from "./rule-changes.ts";
import { isTrue, type RuleTruth } from "./rule-truth.ts";

/** A policy with one thing changed. */
export interface PolicyVariant {
  /** Made when asked for: few of many variants are of interest. */
  change(): PolicyChange;
  readonly opens: Opening;
  readonly size: number;
  /** Undefined: there is no such policy any more. */
  readonly state: PolicyState | undefined;
  apply(): AuthorizationPolicy | undefined;
}

/** A policy and what its rules come to. */
export interface PolicyTruth {
  readonly policy: AuthorizationPolicy;
  readonly rules: readonly RuleTruth[];
}

/**
 * Every single change of one policy, which leaves an object that Istio accepts:
 *
 * 1. the whole policy is taken away; `istio.io/dry-run` is turned, of ALLOW and DENY;
 * 2. one rule is taken away, unless it is the only one of a DENY or CUSTOM policy;
 * 3. all of `from`, or all of `to`, is taken away; one of several entries of them is;
 * 4. one condition is taken away; of one with `values` and `notValues`, one of the two is;
 * 5. one of several fields of an entry is taken away;
 * 6. one of several values of a list is taken away;
 * 7. to one list is added what the connection or request has there (its first value; none with `*`, `{` or `}` in it, which
 *    would be a pattern), unless the list has it.
 *
 * AUDIT policies decide nothing, so they are left out.
 */
export function policyVariants(truth: PolicyTruth, context: ChangeContext): PolicyVariant[] {
  const { policy, rules } = truth;
  if (policy.action === "audit") return [];
  const truths = rules.map(isTrue);
  const variants: PolicyVariant[] = [wholePolicy(policy, context)];
  if (policy.action === "allow" || policy.action === "deny") variants.push(turnedDryRun(policy, truths, context));
  for (const [index, rule] of rules.entries()) {
    const othersMatch = truths.some((isMatch, other) => isMatch && other !== index);
    if (othersMatch && context.which === "promising") continue;
    for (const { part, effect, truth: changed, apply } of ruleVariants(rule, context)) {
      const hasRules = changed !== undefined || rules.length > 1;
      if (!hasRules && policy.action !== "allow") continue;
      const opens = openingOfRule(policy, effect);
      variants.push({
        opens,
        size: part.size,
        change: () => describe(policy, { ...part, path: `rules[${index}]${part.path}` }, opens),
        state: { ...stateOf(policy, othersMatch || (changed !== undefined && isTrue(changed))), hasRules },
        apply: () => ({ ...policy, rules: replaceAt(policy.rules, index, apply()) }),
      });
    }
  }
  return variants;
}

export function stateOf(policy: AuthorizationPolicy, matches: boolean): PolicyState {
  const { action, dryRun, provider = "", rules } = policy;
  return { action, dryRun, provider, hasRules: rules.length > 0, matches };
}

function wholePolicy(policy: AuthorizationPolicy, { allowPolicies }: ChangeContext): PolicyVariant {
  const part: Part = { operation: "remove", path: "", size: policySize(policy) };
  const opens = openingOfLoss(policy, allowPolicies);
  const change = () => describe(policy, part, opens);
  return { change, opens, size: part.size, state: undefined, apply: () => undefined };
}

function turnedDryRun(
  policy: AuthorizationPolicy,
  truths: readonly boolean[],
  { allowPolicies }: ChangeContext,
): PolicyVariant {
  const operation = policy.dryRun ? "end-dry-run" : "start-dry-run";
  const part: Part = { operation, path: "", size: "istio.io/dry-run".length };
  const opens = policy.dryRun ? openingOfEnforcement(policy, allowPolicies) : openingOfLoss(policy, allowPolicies);
  const dryRun = !policy.dryRun;
  return {
    change: () => describe(policy, part, opens),
    opens,
    size: part.size,
    state: { ...stateOf(policy, truths.includes(true)), dryRun },
    apply: () => ({ ...policy, dryRun }),
  };
}

function describe({ namespace, name, action }: AuthorizationPolicy, part: Part, opens: Opening): PolicyChange {
  const what = textOf(part, `${action.toUpperCase()} policy ${namespace}/${name}`);
  const text = opens === "nothing" ? what : `${what}; opens ${openingText(opens, part, action)}`;
  return { ...part, kind: "policy", policy: { namespace, name, action }, opens, text };
}

function textOf({ operation, path, value }: Part, where: string): string {
  switch (operation) {
    case "start-dry-run":
      return `make a dry run of ${where}`;
    case "end-dry-run":
      return `enforce ${where}`;
    case "add":
      return `add ${JSON.stringify(value)} to ${path} of ${where}`;
    case "remove": {
      if (path === "") return `remove ${where}`;
      return value === undefined
        ? `remove ${path} of ${where}`
        : `remove ${JSON.stringify(value)} from ${path} of ${where}`;
    }
  }
}

function replaceAt(rules: readonly Rule[], index: number, rule: Rule | undefined): readonly Rule[] {
  return rule ? rules.with(index, rule) : rules.toSpliced(index, 1);
}
