import { create } from "@bufbuild/protobuf";
import type {
  ServerDuplexStream,
  ServerUnaryCall,
  ServiceDefinition,
  sendUnaryData,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { type Clock, isSymbolonError, type Log, type Random, type SymbolonError } from "@symbolon/spiffe/core";
import type { Workload } from "../../agent/index.ts";
import { createSecretSource, type SecretFiles, type SecretSource } from "../../agent/secrets/index.ts";
import { type AuditSink, productError } from "../../core/index.ts";
import {
  type DiscoveryRequest,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
  SecretDiscoveryService,
} from "../../gen/envoy/index.ts";
import { createRefusalRecord } from "./refusal-record.ts";
import { createDeltaStream } from "./secret-delta-stream.ts";
import { createStateStream } from "./secret-state-stream.ts";
import type { SecretSubscription, SubscriptionParts } from "./secret-subscription.ts";
import { serviceDefinition } from "./service-definition.ts";
import { agentServiceStatus } from "./status.ts";

/** Who is at the other end of a connection, and the files as it sees them. */
export interface SecretCaller {
  readonly workload: Workload;
  readonly files: SecretFiles;
}

export interface SecretDiscoveryOptions {
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export const secretDiscoveryDefinition: ServiceDefinition = serviceDefinition(SecretDiscoveryService);

/**
 * `envoy.service.secret.v3.SecretDiscoveryService` (spiffe.md §5.5): the caller's own identities and trust bundles.
 * @param callerOf who made a call; finding it out may take a moment
 */
export function createSecretDiscovery(
  options: SecretDiscoveryOptions,
  callerOf: (call: AnyCall) => Promise<SecretCaller>,
): UntypedServiceImplementation {
  const { clock, random, log } = options;
  const record = createRefusalRecord(options);
  const refusalOf =
    ({ name }: Workload) =>
    ({ code, message }: SymbolonError): void =>
      record({ actor: name, code, reason: message });

  const stream =
    <Request, Response>(create: (parts: SubscriptionParts<Response>) => SecretSubscription<Request>) =>
    async (call: ServerDuplexStream<Request, Response>): Promise<void> => {
      let source: SecretSource | undefined;
      let isOver = false;
      const end = (error?: unknown): void => {
        if (isOver) return;
        isOver = true;
        source?.close();
        if (error === undefined) call.end();
        else call.emit("error", agentServiceStatus(error));
      };
      call.on("cancelled", () => end());
      call.on("end", () => end());
      call.on("error", () => end());
      try {
        const { workload, files } = await callerOf(call);
        if (isOver) return;
        const refused = refusalOf(workload);
        const guarded = (work: () => void): void => {
          if (isOver) return;
          try {
            work();
          } catch (error) {
            if (isSymbolonError(error)) refused(error);
            end(error);
          }
        };
        const changed = (): void => guarded(() => subscription.changed());
        source = createSecretSource({ workload, files, clock, random, log, changed });
        const send = (response: Response): void => void call.write(response);
        const subscription = create({ workloadName: workload.name, source, send, refused, random, log });
        // Requests have waited until it is known who makes them.
        call.on("data", (request: Request) => guarded(() => subscription.request(request)));
      } catch (error) {
        end(error);
      }
    };

  return {
    StreamSecrets: stream(createStateStream),
    DeltaSecrets: stream(createDeltaStream),
    FetchSecrets: (
      call: ServerUnaryCall<DiscoveryRequest, DiscoveryResponse>,
      reply: sendUnaryData<DiscoveryResponse>,
    ) =>
      fetchSecrets(call, options, callerOf, refusalOf).then(
        (response) => reply(null, response),
        (error) => reply(agentServiceStatus(error)),
      ),
  };
}

type AnyCall =
  | ServerUnaryCall<DiscoveryRequest, DiscoveryResponse>
  // The two streams differ in their messages, which `callerOf` does not look at.
  // biome-ignore lint/suspicious/noExplicitAny: either
  | ServerDuplexStream<any, any>;

/** Longest wait for a first certificate, or for files. */
const MAX_FETCH_WAIT_MS = 5000;

/** One answer of a stream, and then it is over. */
async function fetchSecrets(
  call: ServerUnaryCall<DiscoveryRequest, DiscoveryResponse>,
  { clock, random, log }: SecretDiscoveryOptions,
  callerOf: (call: AnyCall) => Promise<SecretCaller>,
  refusalOf: (workload: Workload) => (error: SymbolonError) => void,
): Promise<DiscoveryResponse> {
  const { workload, files } = await callerOf(call);
  const refused = refusalOf(workload);
  const { promise, resolve, reject } = Promise.withResolvers<DiscoveryResponse>();
  const guarded = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (isSymbolonError(error)) refused(error);
      reject(error);
    }
  };
  const changed = (): void => guarded(() => subscription.changed());
  const source = createSecretSource({ workload, files, clock, random, log, changed });
  const subscription = createStateStream({ workloadName: workload.name, source, send: resolve, refused, random, log });
  const timer = clock.setTimer(MAX_FETCH_WAIT_MS, () =>
    reject(productError("ERR_CA_CALL_RETRYABLE", "the first certificate of the workload is still under way")),
  );
  call.on("cancelled", () => reject(productError("ERR_CA_CALL_ABANDONED", "the caller went away")));
  try {
    const { versionInfo: _, responseNonce: __, ...request } = call.request;
    guarded(() => subscription.request({ ...request, versionInfo: "", responseNonce: "" }));
    const response = await promise;
    return create(DiscoveryResponseSchema, { ...response, nonce: "" });
  } finally {
    timer.cancel();
    source.close();
  }
}
