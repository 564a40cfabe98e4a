/**
 * What a policy enforcement point needs: policies as values are compiled and decide. No parser of documents, no analysis,
 * no explanations; a proxy that imports this module alone loads none of them.
 */
export type { JwtClaims, RequestAttributes } from "./attributes.ts";
export { type CompiledAuthorization, compileAuthorization, type Decision } from "./authorization/index.ts";
export type { AuthorizationPolicy } from "./authorization-policy.ts";
export { parseCompactToken } from "./compact-token.ts";
export { compileRequestAuthentication } from "./compile-request-authentication.ts";
export { normalizePath, type PathNormalization } from "./normalize-path.ts";
export { withoutQueryParameters } from "./query-parameters.ts";
export type { JwtRule } from "./request-authentication.ts";
export type {
  AuthenticatedRequest,
  RequestAuthenticationOutcome,
  RequestChanges,
  RuleKeys,
  TokenVerification,
} from "./request-authentication-outcome.ts";
