import type { AuthorizationPolicy, Decision } from "@symbolon/policy";
import { placeOf, placeText } from "../../policy-set/workload-policies.ts";
import type { AccessAnswer } from "./access-answer.ts";
import type { RuleVerdict } from "./judge-rules.ts";

export function verdictOf(decision: Decision, policies: readonly AuthorizationPolicy[]): RuleVerdict {
  const { by, reason, outcome } = decision;
  const policy =
    by && policies.find(({ namespace, name }) => namespace === by.policy.namespace && name === by.policy.name);
  return {
    outcome: outcome === "ask_provider" ? "unknown" : outcome,
    reason,
    ...(by && policy ? { by: { policy, ruleIndex: by.ruleIndex } } : {}),
  };
}

type Answer = Pick<AccessAnswer, "outcome" | "reason" | "text" | "policy" | "rule">;

export function answerOf(
  { outcome, reason, by, missing }: RuleVerdict,
  policies: readonly AuthorizationPolicy[],
): Answer {
  const decider = by ? { policy: placeOf(by.policy), rule: by.ruleIndex } : {};
  const rule = by
    ? `${placeText(placeOf(by.policy), `${by.policy.action.toUpperCase()} policy`)}, rule ${by.ruleIndex}`
    : "";
  if (outcome === "unknown") {
    const text = `cannot say: ${rule} looks at ${missing?.hint ?? "what is not known here"} [${reason}]`;
    return { outcome, reason, text, ...decider };
  }
  const verb = outcome === "allow" ? "allowed" : "denied";
  return { outcome, reason, text: `${verb}: ${because(reason, rule, policies)} [${reason}]`, ...decider };
}

function because(reason: string, rule: string, policies: readonly AuthorizationPolicy[]): string {
  if (rule !== "") return `${rule} matches`;
  switch (reason) {
    case "no_allow_policy":
      return "no ALLOW policy applies to the workload, and no DENY rule matches";
    case "path_refused":
      return "no server may be given this path; the answer is 400";
    default: {
      const allow = policies.filter(({ action, dryRun }) => action === "allow" && !dryRun);
      const shown = allow.slice(0, MAX_SHOWN).map((policy) => placeText(placeOf(policy), ""));
      const more = allow.length > MAX_SHOWN ? ` and ${allow.length - MAX_SHOWN} more` : "";
      return `no rule of ${allow.length === 1 ? "ALLOW policy" : "the ALLOW policies"} ${shown.join(", ")}${more} matches`;
    }
  }
}

/** No manifest says what a provider answers; one that is not configured denies (istio-security §3.10). */
export function customAnswer(first: Decision, policies: readonly AuthorizationPolicy[]): Answer {
  const { by } = verdictOf(first, policies);
  const rule = by ? `${placeText(placeOf(by.policy), "CUSTOM policy")}, rule ${by.ruleIndex}` : "a CUSTOM policy";
  const decider = by ? { policy: placeOf(by.policy), rule: by.ruleIndex } : {};
  if (first.outcome === "ask_provider") {
    const text = `cannot say: the provider ${by?.policy.provider ?? ""} decides, as ${rule} asks [provider_decides]`;
    return { outcome: "unknown", reason: "provider_decides", text, ...decider };
  }
  const { reason } = first;
  const why =
    reason === "several_providers" ? "and several providers apply" : "whose provider is not in the MeshConfig";
  return { outcome: "deny", reason, text: `denied: ${rule} matches, ${why} [${reason}]`, ...decider };
}

const MAX_SHOWN = 3;
