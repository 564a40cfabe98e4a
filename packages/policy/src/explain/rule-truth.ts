import { isHttpOnly, type RuleItem, type RuleStructure } from "../authorization/index.ts";
import type { TrustDomainNames } from "../trust-domain-aliases.ts";
import { actualTexts, type Facts, valueMatches } from "./value-matches.ts";

/** An item with the answer to each of its values. */
export interface ItemTruth {
  readonly item: RuleItem;
  readonly fitting: readonly number[];
  readonly got: readonly string[];
  /** Negation applied. */
  readonly matches: boolean;
  readonly needsHttp: boolean;
}

export interface RuleTruth {
  readonly structure: RuleStructure;
  readonly from: readonly (readonly ItemTruth[])[] | undefined;
  readonly to: readonly (readonly ItemTruth[])[] | undefined;
  readonly when: readonly ItemTruth[];
  readonly isTcp: boolean;
}

export function ruleTruth(structure: RuleStructure, facts: Facts, names: TrustDomainNames): RuleTruth {
  const truthOf = (item: RuleItem) => itemTruth(item, facts, names);
  return {
    structure,
    from: structure.from?.map((entry) => entry.map(truthOf)),
    to: structure.to?.map((entry) => entry.map(truthOf)),
    when: structure.when.map(truthOf),
    isTcp: facts.request === undefined,
  };
}

export function itemTruth(item: RuleItem, facts: Facts, names: TrustDomainNames): ItemTruth {
  const fitting: number[] = [];
  const { values } = item.list;
  for (let index = 0; index < values.length; index++)
    if (valueMatches(item, values[index]?.value ?? "", facts, names)) fitting.push(index);
  return {
    item,
    fitting,
    got: actualTexts(item, facts),
    matches: fitting.length > 0 !== item.negated,
    needsHttp: isHttpOnly(item),
  };
}

/** The boolean structure of istio-security §3.2 with the TCP rules of §3.9. */
export function isTrue(rule: RuleTruth): boolean {
  if (isDropped(rule)) return false;
  const { from, to, when, isTcp } = rule;
  return (!from || anyTrue(from, isTcp)) && (!to || anyTrue(to, isTcp)) && allTrue(when, isTcp);
}

export function isDropped(rule: RuleTruth): boolean {
  return rule.isTcp && rule.structure.policy.action === "allow" && asksForHttp(rule);
}

export function asksForHttp({ from, to, when }: RuleTruth): boolean {
  return !!from?.some(needsHttp) || !!to?.some(needsHttp) || needsHttp(when);
}

export function allTrue(items: readonly ItemTruth[], isTcp: boolean): boolean {
  for (const item of items) if (!item.matches && !(isTcp && item.needsHttp)) return false;
  return true;
}

function anyTrue(entries: readonly (readonly ItemTruth[])[], isTcp: boolean): boolean {
  for (const entry of entries) if (allTrue(entry, isTcp)) return true;
  return false;
}

function needsHttp(items: readonly ItemTruth[]): boolean {
  return items.some((item) => item.needsHttp);
}
