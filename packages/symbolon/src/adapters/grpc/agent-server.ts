import { createServer, type Server as NetServer, type Socket } from "node:net";
import { create } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import type { SpiffeBundle } from "@symbolon/spiffe/bundle";
import { type Clock, errorText, type Log, type Observable, type Random, Secret } from "@symbolon/spiffe/core";
import type { CreatedJwtSvid, CreateJwtSvid } from "../../agent/index.ts";
import type { CreateEntrySvid } from "../../ca/index.ts";
import { productError, type RegistrationEntry } from "../../core/index.ts";
import {
  AgentService,
  type CreateJwtSvidRequest,
  type CreateJwtSvidResponse,
  CreateJwtSvidResponseSchema,
  type CreateX509SvidRequest,
  type CreateX509SvidResponse,
  CreateX509SvidResponseSchema,
} from "../../gen/index.ts";
import { createAdmission } from "./admission.ts";
import { createAgentWatches } from "./agent-watches.ts";
import { serviceDefinition } from "./service-definition.ts";
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
  close(): Promise<void>;
}

/** Two agents, each with as many calls as it has identities to renew. */
const LIMITS = { concurrent: 64, queued: 1000, maxWaitMs: 5000 };
const SERVER_OPTIONS = {
  "grpc.max_receive_message_length": 64 * 1024,
  "grpc.max_concurrent_streams": 1000,
  "grpc.enable_channelz": 0,
  "grpc-node.max_session_memory": 10,
} as const;

/** `symbolon.agent.v1.AgentService` on a Unix socket that only the mesh's user may open. */
export async function serveAgents(options: AgentServerOptions): Promise<AgentServer> {
  const { path, listen, createEntrySvid, createJwtSvid, clock, random, log } = options;
  const admission = createAdmission({ limits: LIMITS, clock, random });
  const server = new Server(SERVER_OPTIONS);
  const watches = createAgentWatches(options);

  const answer =
    <Request, Response>(name: string, work: (request: Request) => Promise<Response>) =>
    (call: ServerUnaryCall<Request, Response>, reply: sendUnaryData<Response>): void => {
      admission
        .run(() => {
          if (call.cancelled) throw productError("ERR_CA_CALL_ABANDONED", "the caller went away");
          return work(call.request);
        })
        .then(
          (response) => reply(null, response),
          (error) => {
            log.info("order of an agent refused", { call: name, error: errorText(error) });
            reply(agentServiceStatus(error));
          },
        );
    };

  server.addService(serviceDefinition(AgentService), {
    WatchNode: watches.open,
    CreateX509Svid: answer<CreateX509SvidRequest, CreateX509SvidResponse>("CreateX509Svid", async (request) => {
      const { certificateChain } = await createEntrySvid({ entryId: request.entryId, csr: request.csr });
      return create(CreateX509SvidResponseSchema, { chain: [...certificateChain] });
    }),
    CreateJwtSvid: answer<CreateJwtSvidRequest, CreateJwtSvidResponse>("CreateJwtSvid", async (request) => {
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
  });

  // Insecure towards gRPC only: the file system decides who may connect.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const sockets = new Set<Socket>();
  const front = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    injector.injectConnection(socket);
  });
  await listen(path, (at) => front.listen(at));
  await listening(front, path);

  let closing: Promise<void> | undefined;
  return {
    close() {
      closing ??= (async () => {
        watches.close();
        const closed = new Promise<void>((resolve) => front.close(() => resolve()));
        server.forceShutdown();
        for (const socket of sockets) socket.destroy();
        await closed;
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

function listening(server: NetServer, path: string): Promise<void> {
  if (server.listening) return Promise.resolve();
  return new Promise((resolve, reject) => {
    server.once("listening", resolve);
    server.once("error", (cause) =>
      reject(productError("ERR_LISTEN_FAILED", `cannot listen on "${path}": ${errorText(cause)}`, { cause })),
    );
  });
}
