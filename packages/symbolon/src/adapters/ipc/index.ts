export {
  type AgentControlClient,
  type AgentControlHandler,
  createAgentControlClient,
  type PodRegistration,
  type ProcessIdentity,
  serveAgentControl,
} from "./agent-control.ts";
export { type ConfigClient, createConfigClient } from "./config-client.ts";
export { type ConfigServerOptions, serveProxyConfigs } from "./config-server.ts";
export type { FrameServer, ListenPrivately } from "./frame-server.ts";
export { createIdentityClient, type IdentityClient } from "./identity-client.ts";
export { createIdentityServer, type IdentityServer, type IdentityServerOptions } from "./identity-server.ts";
export {
  type ProxyAdminHandler,
  type ProxyAdminQuestion,
  readProxyAdmin,
  serveProxyAdmin,
  setProxyLogLevel,
} from "./proxy-admin.ts";
export { createReportClient, type Report, type ReportClient } from "./report-client.ts";
export { type ReportServerOptions, serveReports } from "./report-server.ts";
