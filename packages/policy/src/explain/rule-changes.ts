import type { Condition, Rule, ValueList } from "../authorization-policy.ts";
import type { TrustDomainNames } from "../trust-domain-aliases.ts";
import { entriesSize, entrySize, listSize, ruleSize } from "./change-size.ts";
import type { PolicyChange } from "./explanation.ts";
import { allTrue, type ItemTruth, isDropped, type RuleTruth } from "./rule-truth.ts";
import { type Facts, valueMatches } from "./value-matches.ts";

/** What a change does, before it is put in words. */
export type Part = Pick<PolicyChange, "operation" | "path" | "size" | "value">;

export interface ChangeContext {
  readonly facts: Facts;
  readonly names: TrustDomainNames;
  /** "promising" leaves out those that cannot change whether the policy matches: other rules match, or two parts do not. */
  readonly which: "all" | "promising";
}

/** A rule with one thing changed. */
export interface RuleVariant {
  /** Its path begins below the rule. */
  readonly part: Part;
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

function withoutKey<T extends object>(record: T, key: string): T {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== key)) as T;
}
