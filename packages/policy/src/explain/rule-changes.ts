import type { Condition, Rule, ValueList } from "../authorization-policy.ts";
import type { TrustDomainNames } from "../trust-domain-aliases.ts";
import { entriesSize, entrySize, listSize, ruleSize } from "./change-size.ts";
import type { PolicyChange } from "./explanation.ts";
import type { RuleEffect } from "./opening.ts";
import { allTrue, asksForHttp, type ItemTruth, isDropped, type RuleTruth } from "./rule-truth.ts";
import { type Facts, valueMatches } from "./value-matches.ts";

/** What a change does, before it is put in words. */
export type Part = Pick<PolicyChange, "operation" | "path" | "size" | "value">;

export interface ChangeContext {
  readonly facts: Facts;
  readonly names: TrustDomainNames;
  /** How many policies of action ALLOW are enforced. */
  readonly allowPolicies: number;
  /** "promising" leaves out those that cannot change whether the policy matches: other rules match, or two parts do not. */
  readonly which: "all" | "promising";
}

/** A rule with one thing changed. */
export interface RuleVariant {
  /** Its path begins below the rule. */
  readonly part: Part;
  readonly effect: RuleEffect;
  /** Undefined: the rule is taken away. */
  readonly truth: RuleTruth | undefined;
  apply(): Rule | undefined;
}

export function ruleVariants(truth: RuleTruth, context: ChangeContext): RuleVariant[] {
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
  return { part, effect: LESS, truth: undefined, apply: () => undefined };
}

const LESS: RuleEffect = { matches: "less", scope: "part" };

function withoutRestriction(truth: RuleTruth): Pick<RuleVariant, "effect" | "truth"> {
  const isUnrestricted = !truth.from && !truth.to && truth.when.length === 0;
  return { effect: { matches: "more", scope: "part", isUnrestricted }, truth };
}

/** Fewer entries match less, unless the rule begins to be there for connections without requests (istio-security §3.9). */
function withoutEntry(before: RuleTruth, truth: RuleTruth): Pick<RuleVariant, "effect" | "truth"> {
  const isThereForTcp = before.structure.policy.action === "allow" && asksForHttp(before) && !asksForHttp(truth);
  return { effect: isThereForTcp ? { matches: "more", scope: "part" } : LESS, truth };
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
      ...withoutRestriction({ ...truth, [group]: undefined }),
      apply: () => withoutKey(rule, group),
    },
  ];
  for (const [index, entry] of entries.entries()) {
    const path = `.${group}[${index}]`;
    const ofEntry = items[index] ?? [];
    if (entries.length > 1)
      variants.push({
        part: { operation: "remove", path, size: entrySize(entry) },
        ...withoutEntry(truth, { ...truth, [group]: items.toSpliced(index, 1) }),
        apply: () => withEntries(entries.toSpliced(index, 1)),
      });
    for (const [at, item] of ofEntry.entries()) {
      const { field, list } = item.item;
      const truthWith = (changed: readonly ItemTruth[]) => ({ ...truth, [group]: items.with(index, changed) });
      const applyWith = (changed: object) => withEntries(entries.with(index, changed));
      if (ofEntry.length > 1)
        variants.push({
          part: { operation: "remove", path: `${path}.${field}`, size: listSize(field, list) },
          ...withoutRestriction(truthWith(ofEntry.toSpliced(at, 1))),
          apply: () => applyWith(withoutKey(entry, field)),
        });
      for (const { part, effect, matches, list: changed } of listVariants(item, context))
        variants.push({
          part: { ...part, path: `${path}.${field}` },
          effect,
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
      ...withoutRestriction({ ...truth, when: truth.when.filter((item) => !ofCondition.has(item)) }),
      apply: () => ({ ...rule, when: rule.when.toSpliced(index, 1) }),
    },
  ];
  for (const { part, at, item } of parts) {
    if (parts.length > 1)
      variants.push({
        part: { operation: "remove", path: `${path}.${part}`, size: listSize(part, item.item.list) },
        ...withoutRestriction({ ...truth, when: truth.when.toSpliced(at, 1) }),
        apply: () => withCondition(withoutKey(condition, part)),
      });
    for (const { part: change, effect, matches, list } of listVariants(item, context))
      variants.push({
        part: { ...change, path: `${path}.${part}` },
        effect,
        truth: { ...truth, when: truth.when.with(at, { ...item, matches }) },
        apply: () => withCondition({ ...condition, [part]: list() }),
      });
  }
  return variants;
}

interface ListVariant {
  readonly part: Omit<Part, "path">;
  readonly effect: RuleEffect;
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
        effect: { matches: negated ? "more" : "less", scope: "value" },
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
    effect: { matches: negated ? "less" : "more", scope: "value" },
    matches: isFitting !== negated,
    list: () => ({ ...list, values: [...list.values, { value, position: list.position }] }),
  });
  return variants;
}

function withoutKey<T extends object>(record: T, key: string): T {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== key)) as T;
}
