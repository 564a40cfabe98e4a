import type { AuthorizationPolicy, Condition, Rule, ValueList } from "../authorization-policy.ts";
import type { TrustDomainNames } from "../trust-domain-aliases.ts";
import { entriesSize, entrySize, listSize, policySize, ruleSize } from "./change-size.ts";
import type { PolicyChange } from "./explanation.ts";
import type { PolicyState } from "./outcome-counter.ts";
import { allTrue, type ItemTruth, isDropped, isTrue, type RuleTruth } from "./rule-truth.ts";
import { type Facts, valueMatches } from "./value-matches.ts";

/** A policy with one thing changed. */
export interface PolicyVariant {
  /** Made when asked for: few of many variants are of interest. */
  change(): PolicyChange;
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

export interface ChangeContext {
  readonly facts: Facts;
  readonly names: TrustDomainNames;
  /** "promising" leaves out those that cannot change whether the policy matches: other rules match, or two parts do not. */
  readonly which: "all" | "promising";
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
  const variants: PolicyVariant[] = [wholePolicy(policy)];
  if (policy.action === "allow" || policy.action === "deny") variants.push(turnedDryRun(policy, truths));
  for (const [index, rule] of rules.entries()) {
    const othersMatch = truths.some((isMatch, other) => isMatch && other !== index);
    if (othersMatch && context.which === "promising") continue;
    for (const { part, truth: changed, apply } of ruleVariants(rule, context)) {
      const hasRules = changed !== undefined || rules.length > 1;
      if (!hasRules && policy.action !== "allow") continue;
      variants.push({
        size: part.size,
        change: () => describe(policy, { ...part, path: `rules[${index}]${part.path}` }),
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

function wholePolicy(policy: AuthorizationPolicy): PolicyVariant {
  const part: Part = { operation: "remove", path: "", size: policySize(policy) };
  return { change: () => describe(policy, part), size: part.size, state: undefined, apply: () => undefined };
}

function turnedDryRun(policy: AuthorizationPolicy, truths: readonly boolean[]): PolicyVariant {
  const operation = policy.dryRun ? "end-dry-run" : "start-dry-run";
  const part: Part = { operation, path: "", size: "istio.io/dry-run".length };
  const dryRun = !policy.dryRun;
  return {
    change: () => describe(policy, part),
    size: part.size,
    state: { ...stateOf(policy, truths.includes(true)), dryRun },
    apply: () => ({ ...policy, dryRun }),
  };
}

type Part = Pick<PolicyChange, "operation" | "path" | "size" | "value">;

interface RuleVariant {
  /** Its path begins below the rule. */
  readonly part: Part;
  /** Undefined: the rule is taken away. */
  readonly truth: RuleTruth | undefined;
  apply(): Rule | undefined;
}

function ruleVariants(truth: RuleTruth, context: ChangeContext): RuleVariant[] {
  const { rule } = truth.structure;
  // A change touches one part of a rule: with two parts false it cannot become true, with one it takes a change of that one.
  const failing = context.which === "all" || isDropped(truth) ? [] : failingParts(truth);
  if (failing.length > 1) return [];
  const matters = (part: RulePart) => failing.length === 0 || failing[0] === part;
  return [
    ...(failing.length === 0 ? [wholeRule(rule)] : []),
    ...(matters("from") ? entryVariants(truth, "from", context) : []),
    ...(matters("to") ? entryVariants(truth, "to", context) : []),
    ...rule.when.flatMap((condition, index) => (matters(condition) ? conditionVariants(truth, index, context) : [])),
  ];
}

function wholeRule(rule: Rule): RuleVariant {
  const part: Omit<Part, "value"> = { operation: "remove", path: "", size: ruleSize(rule) };
  return { part, truth: undefined, apply: () => undefined };
}

type RulePart = "from" | "to" | Condition;

function failingParts({ structure, from, to, when, isTcp }: RuleTruth): RulePart[] {
  const isTrueOr = (entries: RuleTruth["from"]) => !entries || entries.some((entry) => allTrue(entry, isTcp));
  const { rule } = structure;
  const conditions = rule.when.filter((condition) =>
    when.some((item) => !allTrue([item], isTcp) && [condition.values, condition.notValues].includes(item.item.list)),
  );
  return [...(isTrueOr(from) ? [] : ["from" as const]), ...(isTrueOr(to) ? [] : ["to" as const]), ...conditions];
}

function entryVariants(truth: RuleTruth, group: "from" | "to", context: ChangeContext): RuleVariant[] {
  const { rule } = truth.structure;
  const entries: readonly object[] | undefined = rule[group];
  const items = truth[group];
  if (!entries || !items) return [];
  const withEntries = (changed: readonly object[]) => ({ ...rule, [group]: changed }) as Rule;
  const variants: RuleVariant[] = [
    {
      part: { operation: "remove", path: `.${group}`, size: entriesSize(entries) },
      truth: { ...truth, [group]: undefined },
      apply: () => withoutKey(rule, group),
    },
  ];
  for (const [index, entry] of entries.entries()) {
    const path = `.${group}[${index}]`;
    const ofEntry = items[index] ?? [];
    if (entries.length > 1)
      variants.push({
        part: { operation: "remove", path, size: entrySize(entry) },
        truth: { ...truth, [group]: items.toSpliced(index, 1) },
        apply: () => withEntries(entries.toSpliced(index, 1)),
      });
    for (const [at, item] of ofEntry.entries()) {
      const { field, list } = item.item;
      const truthWith = (changed: readonly ItemTruth[]) => ({ ...truth, [group]: items.with(index, changed) });
      const applyWith = (changed: object) => withEntries(entries.with(index, changed));
      if (ofEntry.length > 1)
        variants.push({
          part: { operation: "remove", path: `${path}.${field}`, size: listSize(field, list) },
          truth: truthWith(ofEntry.toSpliced(at, 1)),
          apply: () => applyWith(withoutKey(entry, field)),
        });
      for (const { part, matches, list: changed } of listVariants(item, context))
        variants.push({
          part: { ...part, path: `${path}.${field}` },
          truth: truthWith(ofEntry.with(at, { ...item, matches })),
          apply: () => applyWith({ ...entry, [field]: changed() }),
        });
    }
  }
  return variants;
}

function conditionVariants(truth: RuleTruth, index: number, context: ChangeContext): RuleVariant[] {
  const { rule } = truth.structure;
  const condition = rule.when[index] as Condition;
  const path = `.when[${index}]`;
  // The items of a condition are those whose list is one of its two.
  const parts = (["values", "notValues"] as const).flatMap((part) => {
    const at = truth.when.findIndex(({ item }) => item.list === condition[part]);
    const item = truth.when[at];
    return item ? [{ part, at, item }] : [];
  });
  const withCondition = (changed: Condition) => ({ ...rule, when: rule.when.with(index, changed) });
  const ofCondition = new Set(parts.map(({ item }) => item));
  const variants: RuleVariant[] = [
    {
      part: { operation: "remove", path, size: entrySize(condition) },
      truth: { ...truth, when: truth.when.filter((item) => !ofCondition.has(item)) },
      apply: () => ({ ...rule, when: rule.when.toSpliced(index, 1) }),
    },
  ];
  for (const { part, at, item } of parts) {
    if (parts.length > 1)
      variants.push({
        part: { operation: "remove", path: `${path}.${part}`, size: listSize(part, item.item.list) },
        truth: { ...truth, when: truth.when.toSpliced(at, 1) },
        apply: () => withCondition(withoutKey(condition, part)),
      });
    for (const { part: change, matches, list } of listVariants(item, context))
      variants.push({
        part: { ...change, path: `${path}.${part}` },
        truth: { ...truth, when: truth.when.with(at, { ...item, matches }) },
        apply: () => withCondition({ ...condition, [part]: list() }),
      });
  }
  return variants;
}

interface ListVariant {
  readonly part: Omit<Part, "path">;
  readonly matches: boolean;
  list(): ValueList;
}

function listVariants({ item, fitting, got }: ItemTruth, { facts, names }: ChangeContext): ListVariant[] {
  const { list, negated } = item;
  const variants: ListVariant[] = [];
  if (list.values.length > 1)
    for (const [index, { value }] of list.values.entries()) {
      const isFitting = fitting.length > (fitting.includes(index) ? 1 : 0);
      variants.push({
        part: { operation: "remove", value, size: value.length },
        matches: isFitting !== negated,
        list: () => ({ ...list, values: list.values.toSpliced(index, 1) }),
      });
    }
  const [value] = got;
  if (value === undefined || value === "" || /[*{}]/.test(value)) return variants;
  if (list.values.some((known) => known.value === value)) return variants;
  const isFitting = fitting.length > 0 || valueMatches(item, value, facts, names);
  variants.push({
    part: { operation: "add", value, size: value.length },
    matches: isFitting !== negated,
    list: () => ({ ...list, values: [...list.values, { value, position: list.position }] }),
  });
  return variants;
}

function describe({ namespace, name, action }: AuthorizationPolicy, part: Part): PolicyChange {
  const where = `${action.toUpperCase()} policy ${namespace}/${name}`;
  return { ...part, kind: "policy", policy: { namespace, name, action }, text: textOf(part, where) };
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

function withoutKey<T extends object>(record: T, key: string): T {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== key)) as T;
}
