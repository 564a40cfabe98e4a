export type { Subject } from "./attribute-changes.ts";
export { type AppliedChange, type AuthorizationExplainer, createExplainer } from "./explain-authorization.ts";
export type {
  AttributeChange,
  EntryExplanation,
  Explanation,
  Flip,
  ItemExplanation,
  PolicyChange,
  PolicyExplanation,
  RuleExplanation,
  SingleChange,
} from "./explanation.ts";
export { explanationText } from "./explanation-text.ts";
export { OPENINGS, type Opening } from "./opening.ts";
