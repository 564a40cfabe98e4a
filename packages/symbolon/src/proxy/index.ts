export { inspectFirstBytes } from "./client-hello.ts";
export {
  type CaptureSockets,
  PROXY_LIMITS,
  type ProxyIdentity,
  type ProxyLimits,
  type ProxyOptions,
  type ProxyPorts,
} from "./ports.ts";
export { type CertificateDump, createProxy, type Proxy, type ProxyDump } from "./proxy.ts";
