import { create } from "@bufbuild/protobuf";
import type { SpiffeBundle } from "@symbolon/spiffe/bundle";
import { type Clock, errorText, type Log, type Observable, type Random, Secret } from "@symbolon/spiffe/core";
import type { CreatedJwtSvid, CreateJwtSvid } from "../../agent/index.ts";
import type { CreateEntrySvid } from "../../ca/index.ts";
import { productError, type RegistrationEntry } from "../../core/index.ts";
import {
  AgentService,
  type CreateJwtSvidRequest,
  CreateJwtSvidResponseSchema,
  CreateX509SvidResponseSchema,
} from "../../gen/index.ts";
import { createAdmission } from "./admission.ts";
import { createAgentWatches } from "./agent-watches.ts";
import type { Call } from "./grpc-call.ts";
import { type GrpcMethod, serverStreaming, unary } from "./grpc-method.ts";
import { createGrpcServer } from "./grpc-server.ts";
import { listenForGrpc } from "./grpc-transports.ts";
import { agentServiceStatus } from "./status.ts";

export interface AgentServerOptions {
  readonly path: string;
  /** Runs `listen` at a path that has been made free and private (`listenOnUnixSocket` of adapters/os). */
  readonly listen: <T>(path: string, listen: (path: string) => T) => Promise<T>;
  readonly bundles: Observable<readonly SpiffeBundle[]>;
  readonly entries: Observable<readonly RegistrationEntry[]>;
  readonly createEntrySvid: CreateEntrySvid;
  readonly createJwtSvid: (request: CreateJwtSvid) => Promise<CreatedJwtSvid>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface AgentServer {
  /** What agents that are connected now say is wrong with themselves. */
  problems(): readonly string[];
  close(): Promise<void>;
}

/** Two agents, each with as many calls as it has identities to renew. */
const LIMITS = { concurrent: 64, queued: 1000, maxWaitMs: 5000 };
const CONNECTION_LIMITS = {
  maxConcurrentStreams: 1000,
  maxHeaderListBytes: 16 * 1024,
  prefaceTimeoutMs: 10_000,
  // An agent that has nothing to ask stays connected.
  idleTimeoutMs: 24 * 3600 * 1000,
  stallTimeoutMs: 60_000,
};
const MAX_MESSAGE_BYTES = 64 * 1024;

/** `symbolon.agent.v1.AgentService` on a Unix socket that only the mesh's user may open. */
export async function serveAgents(options: AgentServerOptions): Promise<AgentServer> {
  const { path, listen, createEntrySvid, createJwtSvid, clock, random, log } = options;
  const admission = createAdmission({ limits: LIMITS, clock, random });
  const watches = createAgentWatches(options);

  const admitted =
    <Request, Response>(name: string, work: (request: Request) => Promise<Response>) =>
    async (request: Request, call: Call<object>): Promise<Response> => {
      try {
        return await admission.run(() => {
          if (call.isOver) throw productError("ERR_CA_CALL_ABANDONED", "the caller went away");
          return work(request);
        });
      } catch (error) {
        log.info("order of an agent refused", { call: name, error: errorText(error) });
        throw error;
      }
    };

  const methods: readonly GrpcMethod<object>[] = [
    serverStreaming(AgentService.method.watchNode, ({ problem }, stream) => watches.open(stream, problem)),
    unary(
      AgentService.method.createX509Svid,
      admitted("CreateX509Svid", async ({ entryId, csr }) => {
        const { certificateChain } = await createEntrySvid({ entryId, csr });
        return create(CreateX509SvidResponseSchema, { chain: [...certificateChain] });
      }),
      agentServiceStatus,
    ),
    unary(
      AgentService.method.createJwtSvid,
      admitted("CreateJwtSvid", async (request) => {
        const { spiffeId, token, expiresAt } = await createJwtSvid({
          caller: callerOf(request),
          audiences: request.audiences,
        });
        return create(CreateJwtSvidResponseSchema, {
          spiffeId: spiffeId.toString(),
          token: token.expose(),
          expiresAtMs: BigInt(expiresAt.getTime()),
        });
      }),
      agentServiceStatus,
    ),
  ];
  const server = createGrpcServer({
    methods,
    limits: CONNECTION_LIMITS,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    clock,
    log,
  });

  // The file system decides who may connect.
  const listener = await listen(path, (at) =>
    listenForGrpc<object>(at, { server, accept: () => ({}), closed: () => {}, clock }),
  );

  let closing: Promise<void> | undefined;
  return {
    problems: watches.problems,
    close() {
      closing ??= (async () => {
        watches.close();
        const ended = server.close(0);
        listener.close();
        await ended;
      })();
      return closing;
    },
  };
}

function callerOf({ caller }: CreateJwtSvidRequest): CreateJwtSvid["caller"] {
  switch (caller.case) {
    case "entryId":
      return { entryId: caller.value };
    case "serviceAccountToken":
      return { serviceAccountToken: new Secret(caller.value) };
    case undefined:
      throw productError("ERR_API_REQUEST_INVALID", "the call says neither entry_id nor service_account_token");
  }
}
