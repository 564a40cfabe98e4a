export { type Authorizer, allow } from "./authorizer.ts";
export { type ClientTlsOptions, clientTlsOptions } from "./client-tls-options.ts";
export { type ConnectTlsOptions, connectTls, connectVerified, type TlsTarget } from "./connect-tls.ts";
export { connectHttp2, createHttp2Server, type MutualHttp2Server } from "./http2.ts";
export { createHttpsAgent, type HttpsAgentOptions } from "./https-agent.ts";
export { createHttpsServer, type HttpsServer } from "./https-server.ts";
export { createPeerCheck, type PeerCheck, type PeerCheckOptions } from "./peer-check.ts";
export { type PeerCarrier, peerOf } from "./peer-of.ts";
export { createTlsServer, type Refusal, type TlsServer, type TlsServerOptions } from "./tls-server.ts";
