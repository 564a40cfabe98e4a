import { Server, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { createGrpcServer } from "@symbolon/spiffe/grpc";
import { createX509Source } from "@symbolon/spiffe/source";
import { allow } from "@symbolon/spiffe/tls";
import { GREET } from "./greeter.ts";

const source = await createX509Source({ keepAlive: true });
const server = new Server();
const [, , port = "50051"] = process.argv;
const listener = createGrpcServer(source, { allow: allow.memberOf(source.spiffeId.trustDomain) }, server);
server.addService(
  { greet: GREET },
  {
    greet: (call: ServerUnaryCall<string, string>, answer: sendUnaryData<string>) =>
      answer(null, `hello ${listener.peerOf(call).spiffeId}: ${call.request}`),
  },
);
console.log(`gRPC on port ${(await listener.listen(Number(port))).port}`);
