export { type AddressPool, createAddressPool } from "./address-pool.ts";
export { type PodPlan, planPods, type WantedPods } from "./deployment-controller.ts";
export type { PodRecord } from "./pod-record.ts";
export type {
  EncodedProxyConfig,
  ManifestRead,
  ManifestSource,
  MeshStateStore,
  ProxyConfigSource,
  StateChanges,
  StateKind,
  StateRecord,
} from "./ports.ts";
