export {
  ANALYSIS_CODES,
  type AnalysisCode,
  type AnalysisFinding,
  type AnalysisInfo,
  type AnalysisInput,
  type AnalyzeDocumentsOptions,
  type AnalyzedControlPlane,
  type AnalyzedService,
  type AnalyzedServicePort,
  type AnalyzedWorkload,
  analyze,
  analyzeDocuments,
  type DescribeOptions,
  declaredProtocol,
  describePolicy,
  findingsToJson,
  findingsToSarif,
  type MeshInventory,
  readInventory,
  renderFindings,
  type SarifOptions,
  withDetails,
} from "./analysis/index.ts";
export type { ConnectionAttributes, JwtClaims, RequestAttributes } from "./attributes.ts";
export {
  type AllowDecision,
  type AllowReason,
  type AskProviderDecision,
  type AuthorizationOptions,
  type AuthorizedConnection,
  type CompiledAuthorization,
  compileAuthorization,
  type Decision,
  type DenyDecision,
  type DenyReason,
  decide,
  decisionText,
  type ProviderKind,
  type ProviderQuestion,
  type RuleReference,
  type ShadowResult,
  type ShadowResults,
} from "./authorization/index.ts";
export type {
  AuthorizationAction,
  AuthorizationPolicy,
  Condition,
  Operation,
  PolicyValue,
  Rule,
  Source,
  ValueList,
} from "./authorization-policy.ts";
export { createAuthorizationPolicyIndex } from "./authorization-policy-index.ts";
export { type AutoMtlsTarget, usesAutoMtls } from "./auto-mtls.ts";
export type { ClientTls, ClientTlsMode } from "./client-tls.ts";
export { type ClientTlsDecision, type ClientTlsInput, decideClientTls } from "./client-tls-decision.ts";
export { type CompactToken, parseCompactToken } from "./compact-token.ts";
export {
  compileRequestAuthentication,
  type EvaluateRequestAuthentication,
  type RequestAuthenticationOptions,
} from "./compile-request-authentication.ts";
export { type ConfigOrderKey, compareByCreation } from "./config-order.ts";
export { clientTlsOf, type DestinationRule, type DestinationSubset, type TrafficTls } from "./destination-rule.ts";
export {
  createDestinationRuleIndex,
  type DestinationRuleIndex,
  type DestinationRuleIndexOptions,
  type DestinationService,
} from "./destination-rule-index.ts";
export {
  type BooleanNode,
  type Check,
  type CountOptions,
  createFinding,
  createFindingCollector,
  type DocumentNode,
  describeNode,
  documentToJson,
  entryValue,
  FINDING_CODES,
  type FieldOptions,
  type Finding,
  type FindingCatalogue,
  type FindingCode,
  type FindingCollector,
  type FindingInfo,
  type FindingPlace,
  fieldContext,
  fieldPath,
  formatFinding,
  hasErrors,
  type IntegerOptions,
  itemContext,
  type JsonValue,
  type ListNode,
  type MapEntry,
  type MapNode,
  type NullNode,
  type NumberNode,
  nearestName,
  type ObjectReader,
  type ParseResult,
  parseResult,
  pointAtFields,
  quoteValue,
  type ReadContext,
  type ReadEntry,
  type ReadItem,
  type Required,
  readBoolean,
  readEnumeration,
  readInteger,
  readIntegerOrString,
  readObject,
  readString,
  reportAt,
  rootContext,
  type Severity,
  type SourcePosition,
  type StringNode,
  type StringOptions,
  suggestion,
} from "./document/index.ts";
export type {
  EffectivePeerAuthentication,
  MtlsChainLink,
  MtlsDecision,
  MtlsLevel,
  PolicyCandidate,
  WorkloadTarget,
} from "./effective-peer-authentication.ts";
export { POLICY_ERRORS, type PolicyErrorCode } from "./errors.ts";
export { type ExpandedDocuments, expandLists } from "./expand-lists.ts";
export {
  type AppliedChange,
  type AttributeChange,
  type AuthorizationExplainer,
  createExplainer,
  type EntryExplanation,
  type Explanation,
  explanationText,
  type Flip,
  type ItemExplanation,
  OPENINGS,
  type Opening,
  type PolicyChange,
  type PolicyExplanation,
  type RuleExplanation,
  type SingleChange,
  type Subject,
} from "./explain/index.ts";
export { parseGoDuration } from "./go-duration.ts";
export { JWT_FAILURES, type JwtFailure, type TokenRefusal } from "./jwt-failures.ts";
export type { TokenPlace } from "./jwt-locations.ts";
export type { HeaderLine } from "./jwt-outputs.ts";
export {
  checkDns1035Label,
  checkDns1123Label,
  checkDns1123Subdomain,
  checkLabelValue,
  checkPortName,
  checkQualifiedName,
} from "./kubernetes-names.ts";
export type { AuthorizationProvider, CheckedBody, HttpProviderOptions, MeshSecurityConfig } from "./mesh-config.ts";
export type { EffectiveMtlsMode, MtlsMode } from "./mtls-mode.ts";
export { normalizePath, type PathNormalization } from "./normalize-path.ts";
export {
  findDuplicateObjects,
  type ObjectEnvelope,
  parseEnvelope,
  type ResourceReference,
  readEnvelope,
  resourceText,
} from "./object-envelope.ts";
export { type Labels, type ObjectMetadata, readLabels, readMetadata } from "./object-metadata.ts";
export { parseAuthorizationPolicy } from "./parse-authorization-policy.ts";
export { parseDestinationRule } from "./parse-destination-rule.ts";
export { parseMeshConfig } from "./parse-mesh-config.ts";
export { parseRequestAuthentication } from "./parse-request-authentication.ts";
export {
  type PeerAuthentication,
  type PeerAuthenticationOptions,
  parsePeerAuthentication,
} from "./peer-authentication.ts";
export { findPeerAuthenticationConflicts } from "./peer-authentication-conflicts.ts";
export {
  createPeerAuthenticationIndex,
  type EffectivePeerAuthenticationInput,
  effectivePeerAuthentication,
  type NamespaceMtlsMode,
  type PeerAuthenticationIndex,
} from "./peer-authentication-index.ts";
export type { AttachmentOptions, AttachmentTarget, WaypointService } from "./policy-attachment.ts";
export type { PolicyOptions } from "./policy-head.ts";
export type { PolicyIndex } from "./policy-index.ts";
export { withoutQueryParameters } from "./query-parameters.ts";
export type { ClaimToHeader, JwtHeader, JwtRule, RequestAuthentication } from "./request-authentication.ts";
export { createRequestAuthenticationIndex } from "./request-authentication-index.ts";
export type {
  AttachedJwtRule,
  AuthenticatedRequest,
  RequestAuthenticationOutcome,
  RequestChanges,
  RuleKeys,
  SignatureVerdict,
  TokenValidity,
  TokenVerification,
} from "./request-authentication-outcome.ts";
export { requireParsed } from "./require-parsed.ts";
export { selectorMatches, selectorText, type WorkloadSelector } from "./selector.ts";
export type { PolicyTargetReference } from "./target-reference.ts";
