import { create, type DescFile, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { SecretDiscoveryService } from "../../gen/envoy/index.ts";
import {
  Health,
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionResponseSchema,
  SpiffeWorkloadAPI,
} from "../../gen/index.ts";
import { bidiStreaming, type GrpcMethod } from "./grpc-method.ts";
import { GRPC_CODE } from "./grpc-status.ts";

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>;

const SERVICES = [SpiffeWorkloadAPI, SecretDiscoveryService, Health, ServerReflection];
const OLD_PREFIX = "/grpc.reflection.v1alpha.";

/** grpc.reflection.v1 and its older name v1alpha, which has the same messages (SPIFFE Workload Endpoint §6.2). */
export function reflectionMethods<Peer>(): readonly GrpcMethod<Peer>[] {
  const method = bidiStreaming<
    Peer,
    typeof ServerReflection.method.serverReflectionInfo.input,
    typeof ServerReflectionResponseSchema
  >(ServerReflection.method.serverReflectionInfo, (stream) => ({
    onRequest: (request) =>
      stream.write(
        create(ServerReflectionResponseSchema, {
          validHost: request.host,
          originalRequest: request,
          messageResponse: answer(request),
        }),
      ),
    onEnd: () => stream.end(),
  }));
  return [method, { ...method, path: method.path.replace("/grpc.reflection.v1.", OLD_PREFIX) }];
}

function answer({ messageRequest }: ServerReflectionRequest): Answer {
  switch (messageRequest.case) {
    case "listServices":
      return {
        case: "listServicesResponse",
        value: { service: SERVICES.map(({ typeName }) => ({ name: typeName })) },
      };
    case "fileByFilename":
      return files(allFiles().filter(({ proto }) => proto.name === messageRequest.value));
    case "fileContainingSymbol":
      return files(allFiles().filter((file) => symbolsOf(file).has(messageRequest.value)));
    default:
      return notFound("this kind of question is not answered");
  }
}

function allFiles(): readonly DescFile[] {
  const found = new Set<DescFile>();
  const add = (file: DescFile): void => {
    if (found.has(file)) return;
    found.add(file);
    for (const dependency of file.dependencies) add(dependency);
  };
  for (const { file } of SERVICES) add(file);
  return [...found];
}

function symbolsOf({ services, messages, enums }: DescFile): ReadonlySet<string> {
  const methods = services.flatMap(({ typeName, methods: all }) => all.map(({ name }) => `${typeName}.${name}`));
  return new Set([...[...services, ...messages, ...enums].map(({ typeName }) => typeName), ...methods]);
}

function files(found: readonly DescFile[]): Answer {
  if (found.length === 0) return notFound("not found");
  const fileDescriptorProto = found.map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function notFound(errorMessage: string): Answer {
  return { case: "errorResponse", value: { errorCode: GRPC_CODE.notFound, errorMessage } };
}
