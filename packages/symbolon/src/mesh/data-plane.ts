/** What a proxy needs of this folder: its configuration, without the objects and manifests that it was made from. */
export { ipv4ToNumber } from "./ipv4.ts";
export { keySourceOf } from "./key-source.ts";
export type {
  LocalConfig,
  MeshView,
  ProxyConfig,
  RequestAuthenticationConfig,
} from "./proxy-config.ts";
export { meshText, type OwnConfig, ownText, policyText, tokensText } from "./proxy-config-text.ts";
export { canonicalServerName } from "./server-name.ts";
export { policyFromWire, type WirePolicy } from "./wire-policy.ts";
