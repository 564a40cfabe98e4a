export { createEntryIdentities, type EntryIdentities } from "./entry-identities.ts";
export { createEntryWorkloads, type EntryWorkloadsOptions } from "./entry-workloads.ts";
export {
  type EntryExplanation,
  explainEntries,
  explainLifetimes,
  type IssuanceLimits,
  type LifetimeExplanation,
  type Lifetimes,
} from "./explain-entries.ts";
export { createIdentityManager, type IdentityManager, type IdentityManagerPorts } from "./identity-manager.ts";
export { type IdentityState, servedIdentity, type WorkloadIdentity } from "./identity-state.ts";
export { createJwtSvidCache, type JwtSvidCache } from "./jwt-svid-cache.ts";
export { matchEntries, selectorText } from "./match-entries.ts";
export { followNode, type NodeFollower } from "./node-follower.ts";
export { createPodWorkloads, type PodWorkloadsOptions } from "./pod-workloads.ts";
export type {
  AttestedProcess,
  CertificateClient,
  CertificateClientRequest,
  CreatedJwtSvid,
  CreateJwtSvid,
  NodeClient,
  NodeState,
  PodProcesses,
  ProcessAttestor,
  ReceivedCertificate,
  RegisteredWorkload,
  TokenSource,
} from "./ports.ts";
export { RENEWAL_WINDOW, renewalDelayMs, retryDelayMs } from "./rotation-schedule.ts";
export type {
  Entitlement,
  JwtSvidRequest,
  Selector,
  ServedJwtSvid,
  ServedX509Svid,
  Workload,
  WorkloadAttestor,
  WorkloadPeer,
} from "./workload.ts";
