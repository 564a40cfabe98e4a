import { Client } from "@grpc/grpc-js";
import { createChannelCredentials } from "@symbolon/spiffe/grpc";
import { createX509Source } from "@symbolon/spiffe/source";
import { allow } from "@symbolon/spiffe/tls";
import { GREET } from "./greeter.ts";

const source = await createX509Source();
const [, , server = source.spiffeId.toString(), target = "localhost:50051"] = process.argv;
const client = new Client(target, createChannelCredentials(source, { allow: allow.id(server) }));
client.makeUnaryRequest(
  GREET.path,
  GREET.requestSerialize,
  GREET.responseDeserialize,
  "how are you?",
  (error, text) => {
    console.log(error?.message ?? text);
    client.close();
    void source.close();
  },
);
