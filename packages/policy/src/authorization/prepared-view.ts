import type { AuthorizationView, CustomRules } from "./authorization-view.ts";
import type { ConnectionFacts } from "./connection-facts.ts";
import type { Decision, ProviderQuestion } from "./decision.ts";
import type { MatchedRules } from "./decision-table.ts";
import type { RequestFacts } from "./request-facts.ts";
import { NO_RULE, type PreparedRules, type RuleSet } from "./rule-set.ts";

/** One connection's rules of all actions, with what the connection decides already decided. */
export class PreparedView {
  readonly #view: AuthorizationView;
  readonly #custom: readonly PreparedCustom[];
  readonly #audit: PreparedRules | undefined;
  readonly #deny: PreparedRules | undefined;
  readonly #allow: PreparedRules | undefined;
  readonly #shadowDeny: PreparedRules | undefined;
  readonly #shadowAllow: PreparedRules | undefined;
  /** Filled anew by each decision. */
  readonly #matched: MatchedRules = {
    audit: NO_RULE,
    deny: NO_RULE,
    allow: NO_RULE,
    shadowDeny: NO_RULE,
    shadowAllow: NO_RULE,
  };

  constructor(view: AuthorizationView, facts: ConnectionFacts) {
    const prepare = (rules: RuleSet | undefined) => rules?.prepare(facts);
    this.#view = view;
    this.#custom = view.custom.map((custom) => ({ custom, rules: custom.rules.prepare(facts) }));
    this.#audit = prepare(view.audit);
    this.#deny = prepare(view.deny);
    this.#allow = prepare(view.allow);
    this.#shadowDeny = prepare(view.shadowDeny);
    this.#shadowAllow = prepare(view.shadowAllow);
  }

  /** Step 1 of istio-security §3.3; undefined when no CUSTOM rule matches. */
  decideCustom(request: RequestFacts | undefined): Decision | undefined {
    if (this.#custom.length === 0) return undefined;
    let questions: ProviderQuestion[] | undefined;
    for (const { custom, rules } of this.#custom) {
      const position = rules.firstMatch(request);
      if (position === NO_RULE) continue;
      if (custom.refusal) return this.#view.decisions.refusal(custom, position);
      questions ??= [];
      questions.push(this.#view.decisions.question(custom, position));
    }
    return questions && this.#view.decisions.ask(questions);
  }

  /** Steps 2 to 5, and AUDIT before them, in the order of the proxy's filters. */
  decideEnforced(request: RequestFacts | undefined): Decision {
    const matched = this.#matched;
    matched.audit = this.#audit === undefined ? NO_RULE : this.#audit.firstMatch(request);
    matched.shadowDeny = this.#shadowDeny === undefined ? NO_RULE : this.#shadowDeny.firstMatch(request);
    matched.deny = this.#deny === undefined ? NO_RULE : this.#deny.firstMatch(request);
    const isDenied = matched.deny !== NO_RULE;
    matched.shadowAllow = this.#shadowAllow === undefined || isDenied ? NO_RULE : this.#shadowAllow.firstMatch(request);
    matched.allow = this.#allow === undefined || isDenied ? NO_RULE : this.#allow.firstMatch(request);
    return this.#view.decisions.decisionOf(matched);
  }
}

interface PreparedCustom {
  readonly custom: CustomRules;
  readonly rules: PreparedRules;
}
