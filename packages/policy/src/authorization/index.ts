export type { ProviderKind } from "./authorization-view.ts";
export type { AuthorizedConnection } from "./authorized-connection.ts";
export {
  type AuthorizationOptions,
  type CompiledAuthorization,
  compileAuthorization,
  decide,
} from "./compile-authorization.ts";
export { ConnectionFacts } from "./connection-facts.ts";
export {
  type AllowDecision,
  type AllowReason,
  type AskProviderDecision,
  type Decision,
  type DenyDecision,
  type DenyReason,
  decisionText,
  type ProviderQuestion,
  type RuleReference,
  type ShadowResult,
  type ShadowResults,
} from "./decision.ts";
export { policyIdOf } from "./decision-table.ts";
export { RequestFacts } from "./request-facts.ts";
export {
  type Attribute,
  expandValue,
  isHttpOnly,
  type RuleItem,
  type RuleStructure,
  ruleStructures,
} from "./rule-items.ts";
