import { create } from "@bufbuild/protobuf";
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
import type { Call } from "./grpc-call.ts";
import { type AnswerStream, bidiStreaming, type GrpcMethod, type RequestConsumer, unary } from "./grpc-method.ts";
import { GRPC_CODE } from "./grpc-status.ts";
import { createRefusalRecord } from "./refusal-record.ts";
import { createDeltaStream } from "./secret-delta-stream.ts";
import { createStateStream } from "./secret-state-stream.ts";
import type { SecretSubscription, SubscriptionParts } from "./secret-subscription.ts";
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

/**
 * `envoy.service.secret.v3.SecretDiscoveryService` (spiffe.md §5.5): the caller's own identities and trust bundles.
 * @param callerOf who made a call; finding it out may take a moment
 */
export function secretDiscoveryMethods<Peer>(
  options: SecretDiscoveryOptions,
  callerOf: (call: Call<Peer>) => Promise<SecretCaller>,
): readonly GrpcMethod<Peer>[] {
  const { clock, random, log } = options;
  const record = createRefusalRecord(options);
  const refusalOf =
    ({ name }: Workload) =>
    ({ code, message }: SymbolonError): void =>
      record({ actor: name, code, reason: message });

  const open =
    <Request, Response>(create: (parts: SubscriptionParts<Response>) => SecretSubscription<Request>) =>
    (stream: AnswerStream<Peer, Response>): RequestConsumer<Request> => {
      /** Requests wait until it is known who makes them. */
      let early: Request[] | undefined = [];
      let subscription: SecretSubscription<Request> | undefined;
      let source: SecretSource | undefined;
      let refused: ((error: SymbolonError) => void) | undefined;
      const guarded = (work: () => void): void => {
        if (stream.isOver) return;
        try {
          work();
        } catch (error) {
          if (isSymbolonError(error)) refused?.(error);
          stream.end(agentServiceStatus(error));
        }
      };
      const start = ({ workload, files }: SecretCaller): void => {
        if (stream.isOver) return;
        refused = refusalOf(workload);
        const changed = (): void => guarded(() => subscription?.changed());
        source = createSecretSource({ workload, files, clock, random, log, changed });
        const send = (response: Response): void => stream.write(response);
        const created = create({ workloadName: workload.name, source, send, refused, random, log });
        subscription = created;
        const waiting = early ?? [];
        early = undefined;
        for (const request of waiting) guarded(() => created.request(request));
      };
      stream.onOver(() => source?.close());
      callerOf(stream).then(
        (caller) => guarded(() => start(caller)),
        (error) => stream.end(agentServiceStatus(error)),
      );
      return {
        onRequest(request) {
          if (subscription) return guarded(() => subscription?.request(request));
          early?.push(request);
          if (early && early.length > MAX_EARLY_REQUESTS)
            stream.end({ code: GRPC_CODE.resourceExhausted, details: "too many requests before the first answer" });
        },
        onEnd: () => stream.end(),
      };
    };

  const { method } = SecretDiscoveryService;
  return [
    bidiStreaming(method.streamSecrets, open(createStateStream)),
    bidiStreaming(method.deltaSecrets, open(createDeltaStream)),
    unary(
      method.fetchSecrets,
      (request, call) => fetchSecrets(request, call, options, callerOf, refusalOf),
      agentServiceStatus,
    ),
  ];
}

/** What a proxy says before it has had an answer fits in a few requests. */
const MAX_EARLY_REQUESTS = 32;
/** Longest wait for a first certificate, or for files. */
const MAX_FETCH_WAIT_MS = 5000;

/** One answer of a stream, and then it is over. */
async function fetchSecrets<Peer>(
  asked: DiscoveryRequest,
  call: Call<Peer>,
  { clock, random, log }: SecretDiscoveryOptions,
  callerOf: (call: Call<Peer>) => Promise<SecretCaller>,
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
  call.onOver(() => reject(productError("ERR_CA_CALL_ABANDONED", "the caller went away")));
  try {
    const { versionInfo: _, responseNonce: __, ...request } = asked;
    guarded(() => subscription.request({ ...request, versionInfo: "", responseNonce: "" }));
    const response = await promise;
    return create(DiscoveryResponseSchema, { ...response, nonce: "" });
  } finally {
    timer.cancel();
    source.close();
  }
}
