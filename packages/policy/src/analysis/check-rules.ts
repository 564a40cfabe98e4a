import type { RuleItem, RuleStructure } from "../authorization/index.ts";
import { quoteValue } from "../document/index.ts";
import { type AnalysisContext, rulePath, ruleText, type StructuredPolicy } from "./analysis-context.ts";
import { createCoverIndex } from "./cover-index.ts";
import { scopeContains } from "./mesh-view.ts";
import { findContradiction, ruleCovers } from "./rule-cover.ts";

/** Rules that do nothing: they contradict themselves, or another rule has said it already. */
export function checkRules(context: AnalysisContext): void {
  for (const structured of context.policies) {
    checkContradictions(context, structured);
    const { policy } = structured;
    if (policy.action === "allow" && policy.rules.length === 0)
      context.report("SYM1020", policy, {
        path: "spec.rules",
        message: "this policy has no rules and matches nothing: what no other ALLOW policy allows is denied",
      });
  }
  checkCovered(context);
}

function checkContradictions({ report }: AnalysisContext, { policy, rules }: StructuredPolicy): void {
  for (const structure of rules) {
    const { from = [[]], to = [[]], when } = structure;
    const place = rulePath(structure);
    const parts = [
      ...from.map((entry, index) => ({ items: [...entry, ...when], path: `${place}.from[${index}]` })),
      ...to.map((entry, index) => ({ items: [...entry, ...when], path: `${place}.to[${index}]` })),
    ];
    const whole = findContradiction(when);
    const found = whole
      ? [{ path: `${place}.when`, contradiction: whole }]
      : parts.map(({ items, path }) => ({ path, contradiction: findContradiction(items) }));
    for (const { path, contradiction } of found) {
      if (!contradiction) continue;
      const { first, second } = contradiction;
      report("SYM1001", policy, {
        path,
        position: second.list.position,
        message: `this never matches: ${itemText(first)} and ${itemText(second)} exclude each other`,
      });
    }
  }
}

/** `notPaths ["/admin"]` */
function itemText({ field, list }: RuleItem): string {
  const shown = list.values.slice(0, MAX_SHOWN).map(({ value }) => quoteValue(value));
  return `${field} [${shown.join(", ")}${list.values.length > MAX_SHOWN ? ", …" : ""}]`;
}

/**
 * A rule is covered by an earlier one of the same action, or by a later one that it does not cover in turn; an ALLOW rule
 * is void when a DENY rule covers it. Only policies that are enforced, and that apply wherever the covered one does.
 */
function checkCovered({ policies, view, report }: AnalysisContext): void {
  const { rootNamespace } = view;
  const rules = policies.filter(({ policy }) => !policy.dryRun).flatMap((structured) => structured.rules);
  const index = createCoverIndex(rules, rootNamespace);
  const order = new Map(rules.map((rule, position) => [rule, position]));
  const covers = (wide: RuleStructure, narrow: RuleStructure) =>
    scopeContains(wide.policy, narrow.policy, rootNamespace) && ruleCovers(wide, narrow);
  // Of two rules that cover each other the older one stays.
  const counts = (wide: RuleStructure, narrow: RuleStructure) =>
    (order.get(wide) ?? 0) < (order.get(narrow) ?? 0) || !covers(narrow, wide);
  for (const narrow of rules) {
    const { policy } = narrow;
    if (policy.action === "audit") continue;
    const covering = index.candidates(narrow).filter((wide) => wide !== narrow && covers(wide, narrow));
    const place = { path: rulePath(narrow), position: narrow.rule.position };
    const denying = policy.action === "allow" ? covering.find((wide) => wide.policy.action === "deny") : undefined;
    if (denying)
      report("SYM1003", policy, { ...place, message: `this allows nothing: ${ruleText(denying)} denies all of it` });
    const same = covering.find(
      (wide) =>
        wide.policy.action === policy.action && wide.policy.provider === policy.provider && counts(wide, narrow),
    );
    if (same && !denying)
      report("SYM1002", policy, { ...place, message: `this adds nothing: ${ruleText(same)} matches all of it` });
  }
}

const MAX_SHOWN = 3;
