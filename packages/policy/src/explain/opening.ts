import type { AuthorizationPolicy } from "../authorization-policy.ts";
import type { PolicyChange } from "./explanation.ts";

/**
 * What a change of a policy lets in that was refused, or left to a provider, before; what opens least comes first.
 * `allows_`: an ALLOW policy lets in more. `exempts_`: a DENY or CUSTOM policy stops less, which somebody forbade on purpose.
 */
export const OPENINGS = [
  "nothing",
  "allows_value",
  "allows_part",
  "allows_all",
  "exempts_value",
  "exempts_part",
  "exempts_all",
] as const;

export type Opening = (typeof OPENINGS)[number];

/** What a change does to what its rule matches. */
export interface RuleEffect {
  readonly matches: "more" | "less";
  readonly scope: "value" | "part";
  /** The rule asks for nothing any more. */
  readonly isUnrestricted?: boolean;
}

export function openingOfRule({ action, dryRun }: AuthorizationPolicy, effect: RuleEffect): Opening {
  const { matches, scope, isUnrestricted } = effect;
  if (dryRun || matches !== (action === "allow" ? "more" : "less")) return "nothing";
  if (action === "allow") return isUnrestricted ? "allows_all" : `allows_${scope}`;
  return `exempts_${scope}`;
}

/** Of taking a policy away, or making a dry run of it. @param allowPolicies how many of action ALLOW are enforced, it included */
export function openingOfLoss({ action, dryRun }: AuthorizationPolicy, allowPolicies: number): Opening {
  if (dryRun) return "nothing";
  if (action !== "allow") return "exempts_all";
  return allowPolicies > 1 ? "nothing" : "allows_all";
}

/** Of enforcing what was a dry run. @param allowPolicies how many of action ALLOW are enforced without it */
export function openingOfEnforcement({ action }: AuthorizationPolicy, allowPolicies: number): Opening {
  return action === "allow" && allowPolicies > 0 ? "allows_part" : "nothing";
}

/** In words, to follow "opens". */
export function openingText(
  opening: Exclude<Opening, "nothing">,
  { operation, path, value }: Pick<PolicyChange, "operation" | "path" | "value">,
  action: AuthorizationPolicy["action"],
): string {
  const stopped = action === "custom" ? "left to its provider" : "refused";
  const text = JSON.stringify(value);
  switch (opening) {
    case "allows_value":
      return `${operation === "add" ? text : `what ${text} kept out`}, where the rest of the rule holds`;
    case "allows_part":
      return operation === "end-dry-run"
        ? "all that its rules allow"
        : `all that ${path} kept out, where the rest of the rule holds`;
    case "allows_all":
      return "everything to everybody, callers without identity among them, unless another policy stops it";
    case "exempts_value":
      return `what the rule ${stopped} of ${text}`;
    case "exempts_part":
      return `all that ${path} ${stopped}`;
    case "exempts_all":
      return `all that the policy ${stopped}`;
  }
}
