export type { Capture } from "./capture.ts";
export { inspectFirstBytes } from "./client-hello.ts";
export { type ExplicitCaptureOptions, explicitCapture } from "./explicit-capture.ts";
export type { LimitName } from "./limit-name.ts";
export {
  PROXY_LIMITS,
  type ProxyIdentity,
  type ProxyLimits,
  type ProxyOptions,
  type ProxyPorts,
} from "./ports.ts";
export { type CertificateDump, createProxy, type Proxy, type ProxyDump } from "./proxy.ts";
export { type CaptureSockets, type TransparentCaptureOptions, transparentCapture } from "./transparent-capture.ts";
