import { type DescMessage, type DescMethod, type DescService, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";

/** What grpc-js wants to know of a service, from protobuf-es' description of it. */
export function serviceDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.name, methodDefinition(method)]));
}

// The message types are those of the descriptors; grpc-js cannot know them.
// biome-ignore lint/suspicious/noExplicitAny: grpc-js types its handlers by the caller
export function methodDefinition(method: DescMethod): MethodDefinition<any, any> {
  const { methodKind } = method;
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
    responseStream: methodKind === "server_streaming" || methodKind === "bidi_streaming",
    ...codec("request", method.input),
    ...codec("response", method.output),
  } as MethodDefinition<unknown, unknown>;
}

function codec(side: "request" | "response", schema: DescMessage) {
  return {
    [`${side}Serialize`]: (message: Parameters<typeof toBinary>[1]) => Buffer.from(toBinary(schema, message)),
    [`${side}Deserialize`]: (bytes: Buffer) => fromBinary(schema, bytes),
  };
}
