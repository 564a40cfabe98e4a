export { createIdentityManager, type IdentityManager, type IdentityManagerPorts } from "./identity-manager.ts";
export { type IdentityState, servedIdentity, type WorkloadIdentity } from "./identity-state.ts";
export type {
  CertificateClient,
  CertificateClientRequest,
  CreatedJwtSvid,
  CreateJwtSvid,
  NodeClient,
  NodeState,
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
