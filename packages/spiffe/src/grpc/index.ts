export { createChannelCredentials } from "./channel-credentials.ts";
export { createGrpcServer, type GrpcServer } from "./grpc-server.ts";
