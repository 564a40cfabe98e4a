import {
  type AuthorizationOptions,
  ConnectionFacts,
  compileAuthorization,
  type Decision,
  policyIdOf,
  RequestFacts,
  type RuleItem,
  type RuleStructure,
  ruleStructures,
} from "../authorization/index.ts";
import type { AuthorizationPolicy } from "../authorization-policy.ts";
import { attributeVariants, type Subject } from "./attribute-changes.ts";
import { attributePlans } from "./attribute-plans.ts";
import type {
  EntryExplanation,
  Explanation,
  Flip,
  ItemExplanation,
  PolicyExplanation,
  RuleExplanation,
  SingleChange,
} from "./explanation.ts";
import { OPENINGS } from "./opening.ts";
import { OutcomeCounter } from "./outcome-counter.ts";
import { type PolicyTruth, policyVariants, stateOf } from "./policy-changes.ts";
import { relevantPlans } from "./relevant-plans.ts";
import { allTrue, type ItemTruth, isDropped, isTrue, type RuleTruth, ruleTruth } from "./rule-truth.ts";
import type { Facts } from "./value-matches.ts";

export interface AuthorizationExplainer {
  explain(subject: Subject): Explanation;
  /** All changes that `flips` chooses from: what "single change" means, exactly. */
  singleChanges(subject: Subject): readonly AppliedChange[];
}

/** A single change with what is there after it. */
export interface AppliedChange {
  readonly change: SingleChange;
  readonly policies: readonly AuthorizationPolicy[];
  readonly subject: Subject;
}

/** Prepares explanations for the policies that attach to one workload. @throws ERR_POLICY_INVALID */
export function createExplainer(
  policies: Iterable<AuthorizationPolicy>,
  options: AuthorizationOptions,
): AuthorizationExplainer {
  const attached = [...policies].sort(byName);
  const compiled = compileAuthorization(attached, options);
  const structures = attached.map((policy) => ({ policy, rules: ruleStructures(policy, options) }));
  const plans = attributePlans(structures.flatMap(({ rules }) => rules.flatMap(itemsOf)));
  const allowPolicies = attached.filter(({ action, dryRun }) => action === "allow" && !dryRun).length;
  const requestFacts = new RequestFacts(options.pathNormalization ?? "base");

  const truthsOf = ({ connection, request }: Subject): { facts: Facts; truths: PolicyTruth[] } => {
    // A refused path is explained as it was sent: no rule is asked about it.
    if (request) requestFacts.fill(request);
    const facts = { connection: new ConnectionFacts(connection), request: request && requestFacts };
    const truths = structures.map(({ policy, rules }) => ({
      policy,
      rules: rules.map((rule) => ruleTruth(rule, facts, options)),
    }));
    return { facts, truths };
  };

  const explain = (subject: Subject): Explanation => {
    const connection = compiled.connection(subject.connection);
    const decision = connection.decide(subject.request);
    const { facts, truths } = truthsOf(subject);
    const ofCall: FoundFlip[] = [];
    // Of a path that is refused no rule has been asked.
    const isAsked = decision.reason !== "path_refused";
    const worthTrying = isAsked ? relevantPlans(plans, truths) : plans;
    for (const variant of attributeVariants(worthTrying, subject, options.trustDomain)) {
      const { connection: changed, request } = variant.subject;
      const sameConnection = changed === subject.connection;
      const { outcome } = (sameConnection ? connection : compiled.connection(changed)).decide(request);
      if (outcome !== decision.outcome) ofCall.push({ variant, outcome, opening: 0, size: variant.size() });
    }
    // No policy can allow a path that is refused before policies are looked at.
    const ofPolicies = isAsked ? policyFlips(truths, facts, decision) : [];
    const callsShown = Math.max(MAX_FLIPS - ofPolicies.length, MAX_FLIPS / 2);
    const shown = [...ofCall.sort(byOpening).slice(0, callsShown), ...ofPolicies.sort(byOpening)].slice(0, MAX_FLIPS);
    return {
      decision,
      policies: truths.map((truth) => explainPolicy(truth, decision)),
      flips: shown.map(({ variant, outcome }) => ({ change: variant.change(), outcome })),
      moreFlips: ofCall.length + ofPolicies.length - shown.length,
    };
  };

  const policyFlips = (truths: readonly PolicyTruth[], facts: Facts, decision: Decision): FoundFlip[] => {
    const states = truths.map(({ policy, rules }) => stateOf(policy, rules.some(isTrue)));
    const counter = new OutcomeCounter(states, { ...options, isTcp: facts.request === undefined });
    const found: FoundFlip[] = [];
    for (const [index, truth] of truths.entries()) {
      if (!counter.canChange(index, decision.outcome)) continue;
      for (const variant of policyVariants(truth, { facts, names: options, allowPolicies, which: "promising" })) {
        const outcome = counter.outcomeWith(index, variant.state);
        if (outcome !== decision.outcome)
          found.push({ variant, outcome, opening: OPENINGS.indexOf(variant.opens), size: variant.size });
      }
    }
    return found;
  };

  const singleChanges = (subject: Subject): AppliedChange[] => {
    const { facts, truths } = truthsOf(subject);
    const variants = attributeVariants(plans, subject, options.trustDomain);
    return [
      ...variants.map(({ change, subject: changed }) => ({ change: change(), policies: attached, subject: changed })),
      ...truths.flatMap((truth, index) =>
        policyVariants(truth, { facts, names: options, allowPolicies, which: "all" }).map(({ change, apply }) => {
          const changed = apply();
          return {
            change: change(),
            policies: changed ? attached.with(index, changed) : attached.toSpliced(index, 1),
            subject,
          };
        }),
      ),
    ];
  };
  return Object.freeze({ explain, singleChanges });
}

/** A flip before it is known whether it is shown. */
interface FoundFlip {
  readonly variant: { change(): SingleChange };
  readonly outcome: Flip["outcome"];
  /** Place in `OPENINGS`. */
  readonly opening: number;
  readonly size: number;
}

/** Sorting keeps the order of equals: those of a policy are in the order of its text. */
function byOpening(left: FoundFlip, right: FoundFlip): number {
  return left.opening - right.opening || left.size - right.size;
}

function explainPolicy({ policy, rules }: PolicyTruth, decision: Decision): PolicyExplanation {
  const explained = rules.map((rule) => explainRule(rule, decision));
  return { policy, matches: explained.some(({ matches }) => matches), rules: explained };
}

function explainRule(truth: RuleTruth, decision: Decision): RuleExplanation {
  const { structure, from, to, when, isTcp } = truth;
  const entries = (list: readonly (readonly ItemTruth[])[]): EntryExplanation[] =>
    list.map((items) => ({
      matches: allTrue(items, isTcp),
      items: items.map((item) => explainItem(item, isTcp)),
    }));
  return {
    ruleIndex: structure.ruleIndex,
    policyId: policyIdOf(structure),
    matches: isTrue(truth),
    decides: decides(structure, decision),
    isDropped: isDropped(truth),
    ...(from && { from: entries(from) }),
    ...(to && { to: entries(to) }),
    when: when.map((item) => explainItem(item, isTcp)),
  };
}

function explainItem({ item, fitting, got, matches, needsHttp }: ItemTruth, isTcp: boolean): ItemExplanation {
  return {
    field: item.field,
    position: item.list.position,
    matches,
    negated: item.negated,
    isIgnored: isTcp && needsHttp,
    wanted: item.list.values.map(({ value }) => value),
    fitting,
    got,
  };
}

function decides({ policy, ruleIndex }: RuleStructure, { by }: Decision): boolean {
  return by?.ruleIndex === ruleIndex && by.policy.name === policy.name && by.policy.namespace === policy.namespace;
}

function itemsOf({ from = [], to = [], when }: RuleStructure): readonly RuleItem[] {
  return [...from.flat(), ...to.flat(), ...when];
}

function byName(left: AuthorizationPolicy, right: AuthorizationPolicy): number {
  return compareText(left.namespace, right.namespace) || compareText(left.name, right.name);
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

const MAX_FLIPS = 20;
