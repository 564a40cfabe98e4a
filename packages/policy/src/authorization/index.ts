export type { ProviderKind } from "./authorization-view.ts";
export type { AuthorizedConnection } from "./authorized-connection.ts";
export {
  type AuthorizationOptions,
  type CompiledAuthorization,
  compileAuthorization,
  decide,
} from "./compile-authorization.ts";
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
