/** A client of the workload endpoint that sends exactly what a test wants, by grpc-js. */
import { create, type DescService } from "@bufbuild/protobuf";
import {
  type ClientReadableStream,
  credentials,
  Metadata,
  makeGenericClientConstructor,
  type ServiceDefinition,
  type ServiceError,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import { serviceDefinition } from "../../packages/symbolon/src/adapters/grpc/service-definition.ts";
import { SpiffeWorkloadAPI } from "../../packages/symbolon/src/gen/index.ts";

export interface Outcome {
  readonly code: string;
  readonly details: string;
}

export interface OpenStream<Response> {
  /** The next message, or how the stream ended. */
  next(): Promise<Response | Outcome>;
  cancel(): void;
}

/** The header that every call of the Workload API needs, or others. */
export function header(...values: readonly string[]): Metadata {
  const metadata = new Metadata();
  for (const value of values) metadata.add("workload.spiffe.io", value);
  return metadata;
}

export const GOOD = header("true");

/** @param definition other than what `service` says, for methods that there are not */
export function openCaller(
  path: string,
  service: DescService = SpiffeWorkloadAPI,
  definition: ServiceDefinition = serviceDefinition(service),
) {
  const Client = makeGenericClientConstructor(definition, "caller");
  const client = new Client(`unix:${path}`, credentials.createInsecure(), {
    // Each caller its own connection: who calls is a property of the connection.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_receive_message_length": -1,
  });
  return {
    stream<Response>(method: string, request: object = {}, metadata = GOOD): OpenStream<Response> {
      const call: ClientReadableStream<Response> = callable(client, method)(
        message(service, method, request),
        metadata,
      );
      const arrived: (Response | Outcome)[] = [];
      const waiting: ((next: Response | Outcome) => void)[] = [];
      const put = (what: Response | Outcome): void => {
        const first = waiting.shift();
        if (first) first(what);
        else arrived.push(what);
      };
      call.on("data", put);
      call.on("error", () => undefined);
      call.on("status", (ended: StatusObject) => put(outcome(ended)));
      return {
        next: () => {
          const there = arrived.shift();
          return there === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(there);
        },
        cancel: () => call.cancel(),
      };
    },
    unary<Response>(method: string, request: object = {}, metadata = GOOD): Promise<Response | Outcome> {
      return new Promise((resolve) =>
        callable(client, method)(
          message(service, method, request),
          metadata,
          (error: ServiceError | null, response: Response) => resolve(error ? outcome(error) : response),
        ),
      );
    },
    close: () => client.close(),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: grpc-js makes these methods from the definition
function callable(client: object, method: string): (...args: readonly unknown[]) => any {
  return (client as Record<string, (...args: readonly unknown[]) => unknown>)[method]?.bind(client) as never;
}

function outcome({ code, details }: { readonly code: status; readonly details: string }): Outcome {
  return { code: status[code], details };
}

/** Of a method that nobody knows: the empty message, which is the same in all of them. */
function message({ methods }: DescService, method: string, fields: object) {
  const input = methods.find(({ name }) => name === method)?.input ?? SpiffeWorkloadAPI.method.fetchX509SVID.input;
  return create(input, { ...fields });
}
