export { type AgentClientOptions, createAgentClient } from "./agent-client.ts";
export { type AgentServer, type AgentServerOptions, serveAgents } from "./agent-server.ts";
export {
  type CertificateClient,
  type CertificateClientOptions,
  type CertificateClientRequest,
  createCertificateClient,
  type ReceivedCertificate,
} from "./certificate-client.ts";
export {
  type CertificateServer,
  type CertificateServerOptions,
  createCertificateServer,
} from "./certificate-server.ts";
export { serveWorkloadEndpoint, type WorkloadEndpoint, type WorkloadEndpointOptions } from "./workload-endpoint.ts";
