/** Extension providers that answer as the question says, and remember who was asked. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, ServerCredentials, status } from "@grpc/grpc-js";

export interface Providers {
  readonly httpPort: number;
  readonly grpcPort: number;
  /** Names in the order asked, since the last call. */
  takeAsked(): string[];
  stop(): void;
}

/** A question is `verdict/provider`: the path's prefix over HTTP, metadata over gRPC. */
export async function startProviders(): Promise<Providers> {
  let asked: string[] = [];
  const answer = (question: string): boolean => {
    const [verdict = "", provider = ""] = question.split("/");
    asked.push(provider);
    return verdict === "allow";
  };
  const http = createServer((request, response) => {
    response.writeHead(answer((request.url ?? "").slice(1)) ? 200 : 403).end();
  });
  await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
  const grpc = new Server();
  grpc.addService(AUTHORIZATION, {
    check: (call: { readonly metadata: { get(name: string): unknown[] } }, reply: Reply) =>
      reply(null, answer(String(call.metadata.get("x-question")[0])) ? ALLOWED : DENIED),
  });
  const grpcPort = await new Promise<number>((done, refuse) => {
    grpc.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error ? refuse(error) : done(port),
    );
  });
  return {
    httpPort: (http.address() as AddressInfo).port,
    grpcPort,
    takeAsked: () => {
      const taken = asked;
      asked = [];
      return taken;
    },
    stop: () => {
      http.closeAllConnections();
      http.close();
      grpc.forceShutdown();
    },
  };
}

type Reply = (error: null, answer: Uint8Array) => void;

const asBytes = { serialize: (bytes: Uint8Array) => Buffer.from(bytes), deserialize: (bytes: Buffer) => bytes };
const AUTHORIZATION = {
  check: {
    path: "/envoy.service.auth.v3.Authorization/Check",
    requestStream: false,
    responseStream: false,
    requestSerialize: asBytes.serialize,
    requestDeserialize: asBytes.deserialize,
    responseSerialize: asBytes.serialize,
    responseDeserialize: asBytes.deserialize,
  },
};
/** `CheckResponse`: its first field is a `google.rpc.Status`, whose first field is the code; absent is OK. */
const ALLOWED = Uint8Array.of();
const DENIED = Uint8Array.of(0x0a, 0x02, 0x08, status.PERMISSION_DENIED);
