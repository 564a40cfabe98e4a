import { create, type DescMethod, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { type Clock, errorText, Secret } from "@symbolon/spiffe/core";
import { SpiffeId } from "@symbolon/spiffe/id";
import type { NodeClient } from "../../agent/index.ts";
import { productError } from "../../core/index.ts";
import { AgentService, type NodeState } from "../../gen/index.ts";
import { readNodeState } from "./agent-messages.ts";
import { methodDefinition } from "./service-definition.ts";
import { isRetryable } from "./status.ts";

export interface AgentClientOptions {
  /** Of the CA's Unix socket; absolute. */
  readonly socketPath: string;
  readonly clock: Clock;
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;
/** Thousands of entries with all their selectors. */
const MAX_STATE_BYTES = 64 * 1024 * 1024;
const { watchNode, createX509Svid, createJwtSvid } = AgentService.method;
const WATCH_NODE = methodDefinition(watchNode);

/** An agent's side of `symbolon.agent.v1.AgentService`. */
export function createAgentClient({
  socketPath,
  clock,
  timeoutMs = DEFAULT_TIMEOUT_MS,
}: AgentClientOptions): NodeClient {
  let shared: Client | undefined;

  const connection = (): Client => {
    shared ??= new Client(`unix:${socketPath}`, credentials.createInsecure(), {
      "grpc.enable_http_proxy": 0,
      "grpc.enable_retries": 0,
      // A local socket: a CA that starts again is found within a second, and how often to ask is the caller's to decide.
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 1000,
      "grpc.service_config_disable_resolution": 1,
      "grpc.enable_channelz": 0,
      "grpc.max_receive_message_length": MAX_STATE_BYTES,
    });
    return shared;
  };

  const call = async <Method extends DescMethod>(
    method: Method,
    init: MessageInitShape<Method["input"]>,
    signal: AbortSignal,
  ): Promise<MessageShape<Method["output"]>> => {
    const { path, requestSerialize, responseDeserialize } = methodDefinition(method);
    const client = connection();
    const deadline = clock.now().getTime() + timeoutMs;
    return new Promise((resolve, reject) => {
      const running = client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        create(method.input, init),
        new Metadata(),
        { deadline },
        (error, response) => {
          signal.removeEventListener("abort", cancel);
          if (error) reject(callError(error));
          else resolve(response);
        },
      );
      const cancel = (): void => running.cancel();
      signal.addEventListener("abort", cancel, { once: true });
      if (signal.aborted) cancel();
    });
  };

  return {
    watchNode(follower, signal, problem = "") {
      const client = connection();
      const stream = client.makeServerStreamRequest(
        WATCH_NODE.path,
        WATCH_NODE.requestSerialize,
        WATCH_NODE.responseDeserialize,
        create(watchNode.input, { problem }),
      );
      const cancel = (): void => stream.cancel();
      signal.addEventListener("abort", cancel, { once: true });
      if (signal.aborted) cancel();
      return new Promise<void>((resolve, reject) => {
        const end = (error: Error): void => {
          signal.removeEventListener("abort", cancel);
          if (signal.aborted) return resolve();
          reject(error);
        };
        stream.on("data", (message: NodeState) => {
          try {
            follower(readNodeState(message));
          } catch (cause) {
            const text = `the CA's state is not accepted: ${errorText(cause)}`;
            end(productError("ERR_CA_CALL_REFUSED", text, { cause }));
            stream.cancel();
          }
        });
        stream.on("error", (error: ServiceError) => end(callError(error)));
        stream.on("end", () => end(productError("ERR_CA_CALL_RETRYABLE", "the CA has ended the stream")));
      });
    },
    async createX509Svid({ entryId, csr }, signal) {
      const { chain } = await call(createX509Svid, { entryId, csr }, signal);
      return chain;
    },
    async createJwtSvid({ caller, audiences }, signal) {
      const answer = await call(
        createJwtSvid,
        {
          caller:
            "entryId" in caller
              ? { case: "entryId", value: caller.entryId }
              : { case: "serviceAccountToken", value: caller.serviceAccountToken.expose() },
          audiences: [...audiences],
        },
        signal,
      );
      return {
        spiffeId: SpiffeId.parse(answer.spiffeId),
        token: new Secret(answer.token),
        expiresAt: new Date(Number(answer.expiresAtMs)),
      };
    },
    close() {
      shared?.close();
      shared = undefined;
    },
  };
}

function callError(cause: ServiceError) {
  const code = isRetryable(cause) ? "ERR_CA_CALL_RETRYABLE" : "ERR_CA_CALL_REFUSED";
  return productError(code, `the CA refused: ${cause.details}`, { cause, details: { grpcCode: cause.code } });
}
