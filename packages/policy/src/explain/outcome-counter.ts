import type { AuthorizationOptions, Decision } from "../authorization/index.ts";
import type { AuthorizationPolicy } from "../authorization-policy.ts";

/** All that a decision's outcome depends on. */
export interface PolicyState {
  readonly action: AuthorizationPolicy["action"];
  readonly dryRun: boolean;
  readonly provider: string;
  readonly hasRules: boolean;
  /** One of its rules matches. */
  readonly matches: boolean;
}

export interface OutcomeOptions extends Pick<AuthorizationOptions, "providers" | "allowSeveralProviders"> {
  readonly isTcp: boolean;
}

/** Outcomes when one policy out of many changes, without looking at the others again. */
export class OutcomeCounter {
  readonly #states: readonly PolicyState[];
  readonly #options: OutcomeOptions;
  readonly #custom: Decision["outcome"] | undefined;
  #denying = 0;
  #allowPolicies = 0;
  #allowing = 0;

  constructor(states: readonly PolicyState[], options: OutcomeOptions) {
    this.#states = states;
    this.#options = options;
    this.#custom = this.#customOutcome(states);
    for (const state of states) {
      this.#denying += count(state, "deny", "matching");
      this.#allowPolicies += count(state, "allow", "all");
      this.#allowing += count(state, "allow", "matching");
    }
  }

  /** `changed` is undefined when the policy is taken away. */
  outcomeWith(index: number, changed: PolicyState | undefined): Decision["outcome"] {
    const before = this.#states[index];
    const custom =
      before?.action === "custom" ? this.#customOutcome(replaced(this.#states, index, changed)) : this.#custom;
    if (custom) return custom;
    const difference = (action: PolicyState["action"], which: "all" | "matching") =>
      count(changed, action, which) - count(before, action, which);
    if (this.#denying + difference("deny", "matching") > 0) return "deny";
    if (this.#allowPolicies + difference("allow", "all") === 0) return "allow";
    return this.#allowing + difference("allow", "matching") > 0 ? "allow" : "deny";
  }

  /** Whether anything that can happen to this one policy makes another outcome than the given one. */
  canChange(index: number, outcome: Decision["outcome"]): boolean {
    const state = this.#states[index];
    if (!state) return false;
    const { matches, dryRun, hasRules } = state;
    const others = [
      undefined,
      { ...state, matches: !matches },
      { ...state, dryRun: !dryRun },
      { ...state, hasRules: !hasRules },
    ];
    return others.some((other) => this.outcomeWith(index, other) !== outcome);
  }

  /** istio-security §3.10; undefined when no CUSTOM rule has a say. */
  #customOutcome(states: readonly PolicyState[]): Decision["outcome"] | undefined {
    const custom = states.filter(({ action, dryRun, hasRules }) => action === "custom" && !dryRun && hasRules);
    const matching = custom.filter(({ matches }) => matches);
    if (matching.length === 0) return undefined;
    const { providers, allowSeveralProviders, isTcp } = this.#options;
    if (!allowSeveralProviders && custom.some(({ provider }) => provider !== custom[0]?.provider)) return "deny";
    if (providers && matching.some(({ provider }) => !providers.has(provider))) return "deny";
    return matching.some(({ provider }) => !(isTcp && providers?.get(provider) === "http"))
      ? "ask_provider"
      : undefined;
  }
}

function count(state: PolicyState | undefined, action: PolicyState["action"], which: "all" | "matching"): number {
  return state?.action === action && !state.dryRun && (which === "all" || state.matches) ? 1 : 0;
}

function replaced(
  states: readonly PolicyState[],
  index: number,
  changed: PolicyState | undefined,
): readonly PolicyState[] {
  return changed ? states.with(index, changed) : states.toSpliced(index, 1);
}
