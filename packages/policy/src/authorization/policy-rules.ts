import type { AuthorizationAction, AuthorizationPolicy } from "../authorization-policy.ts";
import { invalidAuthorization } from "../errors.ts";
import type { TrustDomainNames } from "../trust-domain-aliases.ts";
import { type CompiledRule, compileRule } from "./compiled-rule.ts";
import { policyIdOf } from "./decision-table.ts";
import { type RuleStructure, ruleStructures, tcpStructure } from "./rule-items.ts";

/** One rule of a policy, as connections of each protocol see it. */
export class PolicyRule {
  readonly id: string;
  readonly http: CompiledRule;
  #tcp: { readonly rule: CompiledRule | undefined } | undefined;

  constructor(structure: RuleStructure) {
    this.id = policyIdOf(structure);
    this.http = compileRule(structure);
  }

  /** Undefined: they do not see it. */
  get tcp(): CompiledRule | undefined {
    this.#tcp ??= { rule: this.#makeTcp() };
    return this.#tcp.rule;
  }

  #makeTcp(): CompiledRule | undefined {
    const { structure } = this.http;
    const seen = tcpStructure(structure, structure.policy.action);
    return seen === structure ? this.http : seen && compileRule(seen);
  }
}

interface KnownRules {
  readonly trustDomain: string;
  readonly aliases: string;
  readonly rules: readonly PolicyRule[];
}

/** A policy of a later version could deny by an action that this one does not know: it is not left out. */
const ACTIONS: Readonly<Record<AuthorizationAction, true>> = { allow: true, deny: true, audit: true, custom: true };

const known = new WeakMap<AuthorizationPolicy, KnownRules>();

/**
 * A policy's rules, compiled once: a change of one policy leaves the work for the others as it is.
 * @throws ERR_POLICY_INVALID for a hand-made policy that the parser would have refused.
 */
export function rulesOfPolicy(policy: AuthorizationPolicy, names: TrustDomainNames): readonly PolicyRule[] {
  const { trustDomain, trustDomainAliases = [] } = names;
  const aliases = trustDomainAliases.join(" ");
  const before = known.get(policy);
  if (before?.trustDomain === trustDomain && before.aliases === aliases) return before.rules;
  if (!Object.hasOwn(ACTIONS, policy.action))
    throw invalidAuthorization(`action "${policy.action}" of ${policy.namespace}/${policy.name} is unknown`);
  const rules = ruleStructures(policy, names).map((structure) => new PolicyRule(structure));
  known.set(policy, { trustDomain, aliases, rules });
  return rules;
}
