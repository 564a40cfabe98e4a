import type { RuleItem, RuleStructure } from "../authorization/index.ts";

/** Finds the rules that may cover another one, without looking at all of them. */
export interface CoverIndex {
  /** Rules that share a whole value with the given one, and rules that ask for no whole value. */
  candidates(narrow: RuleStructure): readonly RuleStructure[];
}

/**
 * A rule that covers another one in a list of whole values has the other's values in that list: so it is found by any of
 * them. Rules without such a list are looked at one by one. Of each kind the first `MAX_CANDIDATES` are kept: with more,
 * a covered rule may go unreported, and none is reported that is not covered.
 */
export function createCoverIndex(rules: readonly RuleStructure[], rootNamespace: string): CoverIndex {
  const byValue = new Map<string, RuleStructure[]>();
  const general = new Map<string, RuleStructure[]>();
  for (const rule of rules) {
    const { namespace } = rule.policy;
    const entries = rule.from ?? rule.to ?? [[]];
    const anchors = entries.map((entry) => anchorOf([...entry, ...rule.when]));
    // An entry without anchor may cover by its patterns alone.
    if (anchors.some((anchor) => anchor === undefined)) add(general, namespace, rule);
    else
      for (const item of anchors)
        for (const value of new Set(item?.values)) add(byValue, `${namespace} ${item?.attribute.kind} ${value}`, rule);
  }
  return {
    candidates: (narrow) => {
      const namespaces = new Set([narrow.policy.namespace, rootNamespace]);
      const found = new Set<RuleStructure>();
      const items = [...(narrow.from?.[0] ?? []), ...(narrow.to?.[0] ?? []), ...narrow.when];
      for (const namespace of namespaces) {
        for (const rule of general.get(namespace) ?? []) found.add(rule);
        for (const { attribute, negated, values } of items)
          if (!negated)
            for (const rule of byValue.get(`${namespace} ${attribute.kind} ${values[0]}`) ?? []) found.add(rule);
      }
      return [...found];
    },
  };
}

/** A list of whole values: what it covers must be in it. */
function anchorOf(items: readonly RuleItem[]): RuleItem | undefined {
  return items.find(
    ({ attribute, negated, values }) =>
      !negated && WHOLE.has(attribute.kind) && values.every((value) => !value.includes("*") && !value.includes("{")),
  );
}

function add(map: Map<string, RuleStructure[]>, key: string, rule: RuleStructure): void {
  const list = map.get(key);
  if (!list) map.set(key, [rule]);
  else if (list.length < MAX_CANDIDATES) list.push(rule);
}

/** Attributes of which equal texts are equal values; not addresses, hosts and ports, which have several spellings. */
const WHOLE: ReadonlySet<RuleItem["attribute"]["kind"]> = new Set(["principal", "namespace", "method", "path"]);
const MAX_CANDIDATES = 200;
