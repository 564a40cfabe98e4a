import type { RuleItem } from "../authorization/index.ts";
import type { AttributePlan } from "./attribute-plans.ts";
import type { PolicyTruth } from "./policy-changes.ts";
import type { ItemTruth, RuleTruth } from "./rule-truth.ts";

/** Leaves out the attributes on which, with all others as they are, no rule that decides anything depends. */
export function relevantPlans(
  plans: readonly AttributePlan[],
  truths: readonly PolicyTruth[],
): readonly AttributePlan[] {
  const deciding = truths.flatMap(({ policy, rules }) => (policy.dryRun || policy.action === "audit" ? [] : rules));
  return plans.filter((plan) => {
    const isOpen = ({ item }: ItemTruth) => mayChange(plan, item.attribute);
    return deciding.some((rule) => isUndecided(rule, isOpen));
  });
}

/** Whether a rule may be true or false, depending on the open items. */
function isUndecided(rule: RuleTruth, isOpen: (item: ItemTruth) => boolean): boolean {
  const atBest = (item: ItemTruth) => item.matches || isOpen(item);
  const atWorst = (item: ItemTruth) => item.matches && !isOpen(item);
  return isTrueWith(rule, atBest) && !isTrueWith(rule, atWorst);
}

function isTrueWith({ from, to, when, isTcp }: RuleTruth, holds: (item: ItemTruth) => boolean): boolean {
  const holdsHere = (item: ItemTruth) => (isTcp && item.needsHttp) || holds(item);
  const anyEntry = (entries: RuleTruth["from"]) => !entries || entries.some((entry) => entry.every(holdsHere));
  return anyEntry(from) && anyEntry(to) && when.every(holdsHere);
}

/** Whether changing what a plan changes may change what an item looks at; in doubt yes. */
function mayChange(plan: AttributePlan, attribute: RuleItem["attribute"]): boolean {
  switch (attribute.kind) {
    case "principal":
    case "namespace":
    case "serviceAccount":
    case "trustDomain":
      return plan.kind === "identity";
    case "remoteAddress":
      // The source address, where no other is known.
      return plan.kind === "remoteAddress" || plan.kind === "sourceAddress";
    case "requestPrincipal":
    case "claim":
    case "audience":
    case "presenter":
      return plan.kind === "claim" || plan.kind === "requestPrincipal" || plan.kind === "token";
    case "header":
      if (plan.kind === "header") return plan.name === attribute.name;
      // Pseudo-headers.
      return plan.kind === "method" || plan.kind === "path" || plan.kind === "host";
    default:
      return plan.kind === attribute.kind;
  }
}
