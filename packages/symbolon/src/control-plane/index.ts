export { type AddressPool, createAddressPool } from "./address-pool.ts";
export type { ApplyRequest, ChangeAnswer, DeleteRequest } from "./api-changes.ts";
export { checkManifests } from "./check-manifests.ts";
export type { ObjectChange } from "./config-store.ts";
export {
  type ControlPlane,
  type ControlPlaneOptions,
  createControlPlane,
  type MeshIssuance,
  type MeshStatus,
} from "./create-control-plane.ts";
export { createDenials, DENIAL_RETENTION, type Denials } from "./denials.ts";
export { createPlaintextCallers, type PlaintextCallers } from "./plaintext-callers.ts";
export type { PodRecord } from "./pod-record.ts";
export type {
  DenialStore,
  KeySetFetcher,
  KeySetRequest,
  ManifestRead,
  ManifestSource,
  MeshStateStore,
  PlaintextCallerStore,
  ProxyConfigSource,
  StateChanges,
  StateKind,
  StateRecord,
  WrittenConfigs,
} from "./ports.ts";
