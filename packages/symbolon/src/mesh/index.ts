export { checkEnvironmentName, checkNoNul } from "./container-checks.ts";
export { DOWNWARD_API_FIELDS, downwardApiValue, isDownwardApiField, type PodFields } from "./downward-api.ts";
export { expandVariables } from "./expand-variables.ts";
export {
  decideInjection,
  INJECT_LABEL,
  type InjectionDecision,
  type InjectionInput,
  injectedLabels,
} from "./injection.ts";
export { type Ipv4Range, ipv4ToNumber, isInRange, numberToIpv4, parseIpv4Range } from "./ipv4.ts";
export { discoveryUrlOf, keySourceOf } from "./key-source.ts";
export { findKind, type KindNames, kindAliases, kindNames } from "./kinds.ts";
export {
  describeSelector,
  type LabelRequirement,
  type LabelSelector,
  parseLabelSelector,
  selectorMatches,
} from "./label-selector.ts";
export { locate } from "./locate.ts";
export type {
  AuthorizationPolicyObject,
  ClusterStaticEntryObject,
  ConfigMapObject,
  ContainerPortTemplate,
  ContainerTemplate,
  DeploymentObject,
  DeploymentStrategy,
  EntrySelector,
  EnvironmentVariable,
  MeshObject,
  NamespaceObject,
  PeerAuthenticationObject,
  PodObject,
  PodTemplate,
  RequestAuthenticationObject,
  ServiceAccountObject,
  ServiceObject,
  ServicePort,
  ServiceType,
  WorkloadObject,
} from "./manifest-objects.ts";
export type { ManifestText } from "./manifest-text.ts";
export { MESH_CONFIG_NAME, MESH_CONFIG_NAMESPACE, meshConfigDocument } from "./mesh-config-document.ts";
export { MESH_FINDING_CODES, type MeshFindingCode, type MeshFindingOptions, meshFinding } from "./mesh-finding.ts";
export {
  isClusterScoped,
  type Labels,
  labelsMatch,
  MESH_KINDS,
  type MeshKind,
  type ObjectKey,
  type ObjectMeta,
  objectKeyText,
} from "./object.ts";
export {
  type ParsedDocument,
  type ParsedManifests,
  type ParsedObject,
  type ParseManifestsOptions,
  parseDocument,
  parseManifests,
} from "./parse-manifests.ts";
export type { Container, ContainerPort, ContainerStatus, Pod, PodStatus, ReadinessProbe } from "./pod.ts";
export { protocolOf } from "./port-protocol.ts";
export type { PresentedMeta, PresentedObject } from "./presented-object.ts";
export type {
  EffectiveMtlsMode,
  EndpointView,
  FetchedKeySet,
  InboundPort,
  LocalConfig,
  MeshView,
  PortProtocol,
  ProxyConfig,
  RequestAuthenticationConfig,
  ServicePortView,
  ServiceView,
  WorkloadNames,
  WorkloadView,
} from "./proxy-config.ts";
export { meshText, type OwnConfig, ownText, policyText, tokensText } from "./proxy-config-text.ts";
export { canonicalServerName } from "./server-name.ts";
export { policyFromWire, policyToWire, type WirePolicy } from "./wire-policy.ts";
