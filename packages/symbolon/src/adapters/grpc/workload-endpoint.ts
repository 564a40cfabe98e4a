import { type Clock, errorText, isSymbolonError, type Log, type Random } from "@symbolon/spiffe/core";
import type { Workload, WorkloadAttestor, WorkloadPeer } from "../../agent/index.ts";
import type { SecretFiles } from "../../agent/secrets/index.ts";
import { type AuditSink, productError, requireSocketPathLength } from "../../core/index.ts";
import type { Call } from "./grpc-call.ts";
import { createGrpcServer } from "./grpc-server.ts";
import { listenForGrpc } from "./grpc-transports.ts";
import { healthMethods } from "./health-service.ts";
import { pinnedWorkload } from "./pinned-workload.ts";
import { reflectionMethods } from "./reflection-service.ts";
import { createRefusalRecord } from "./refusal-record.ts";
import { secretDiscoveryMethods } from "./secret-discovery.ts";
import { workloadApiMethods } from "./workload-api-service.ts";

export interface WorkloadEndpointOptions {
  readonly path: string;
  /** Runs `listen` at a path that has been made free (`listenOnUnixSocket` of adapters/os). */
  readonly listen: <T>(path: string, listen: (path: string) => T) => Promise<T>;
  /** Who connected, by the kernel's word (`pinPeer` of adapters/os). @throws ERR_PEER_CREDENTIALS */
  readonly pinPeer: (fd: number) => WorkloadPeer & { close(): void };
  readonly workloads: WorkloadAttestor;
  /** Files as the peer may read them, for Envoy's `file-cert:` and `file-root:`. */
  readonly filesOf: (peer: WorkloadPeer) => SecretFiles;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface WorkloadEndpoint {
  /** Ends every stream with Unavailable, so that clients come back. May be called twice. */
  close(): Promise<void>;
}

interface Connection {
  readonly peer: WorkloadPeer & { close(): void };
  readonly ending: AbortController;
  /** Found out once, with the first call that needs it. */
  workload?: Promise<Workload>;
}

/** Beyond it a new connection is closed at once: 1,000 workloads with a few connections each. */
const MAX_CONNECTIONS = 8192;
const MAX_CONNECTIONS_OF_ONE_PROCESS = 256;
const MAX_ATTESTATION_MS = 10_000;
const CONNECTION_LIMITS = {
  maxConcurrentStreams: 100,
  maxHeaderListBytes: 16 * 1024,
  prefaceTimeoutMs: 10_000,
  idleTimeoutMs: 300_000,
  stallTimeoutMs: 60_000,
};
const MAX_MESSAGE_BYTES = 256 * 1024;

/**
 * The endpoint that workloads take their identity from: SPIFFE Workload API, Envoy's secret discovery, health and
 * reflection on one Unix socket (SPIFFE Workload Endpoint §3 to §6). Nobody shows a secret here; who calls is what the
 * kernel says.
 * @throws ERR_CONFIG_INVALID for a path that is too long, ERR_SOCKET_PATH_UNSAFE, ERR_SOCKET_IN_USE, ERR_LISTEN_FAILED
 */
export async function serveWorkloadEndpoint(options: WorkloadEndpointOptions): Promise<WorkloadEndpoint> {
  const { path, listen, pinPeer, workloads, filesOf, clock, log } = options;
  requireSocketPathLength(path);
  const record = createRefusalRecord(options);
  const recordRequest = ({ peer }: Connection, reason: string): void =>
    record({ actor: processName(peer), code: "ERR_WORKLOAD_REQUEST_INVALID", reason });
  const requireAlive = (peer: WorkloadPeer): void => {
    if (peer.isAlive()) return;
    const error = productError("ERR_WORKLOAD_ATTESTATION", `process ${peer.pid} that connected has ended`);
    record({ actor: processName(peer), code: error.code, reason: error.message });
    throw error;
  };
  const connections = new Set<Connection>();
  const perProcess = new Map<number, number>();

  const workloadOf = async ({ peer: connection }: Call<Connection>): Promise<Workload> => {
    connection.workload ??= attestedFor(connection);
    const workload = await connection.workload;
    requireAlive(connection.peer);
    return workload;
  };
  const attestedFor = (connection: Connection): Promise<Workload> => {
    const attempt = attest(connection);
    // The next call of the connection tries again.
    attempt.catch(() => delete connection.workload);
    return attempt;
  };
  const attest = async ({ peer, ending }: Connection): Promise<Workload> => {
    try {
      const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(MAX_ATTESTATION_MS)]);
      requireAlive(peer);
      const workload = pinnedWorkload(await workloads.attest(peer, signal), () => requireAlive(peer));
      if (ending.signal.aborted) workload.release();
      else ending.signal.addEventListener("abort", () => workload.release(), { once: true });
      return workload;
    } catch (error) {
      log.warn("workload attestation failed", { pid: peer.pid, uid: peer.uid, error: errorText(error) });
      throw error;
    }
  };

  const server = createGrpcServer<Connection>({
    methods: [
      ...workloadApiMethods(options, workloadOf, ({ peer }, reason) => recordRequest(peer, reason)),
      ...secretDiscoveryMethods<Connection>(options, async (call) => ({
        workload: await workloadOf(call),
        files: filesOf(call.peer.peer),
      })),
      ...healthMethods<Connection>(),
      ...reflectionMethods<Connection>(),
    ],
    limits: CONNECTION_LIMITS,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    onRefused: recordRequest,
    clock,
    log,
  });
  const accept = (fd: number): Connection | undefined => {
    try {
      return admit(pinPeer(fd));
    } catch (error) {
      const reason = errorText(error);
      log.warn("connection refused", { path, reason });
      const code = isSymbolonError(error) ? error.code : "ERR_INTERNAL_BUG";
      record({ actor: "unknown process", code, reason });
      return undefined;
    }
  };
  const admit = (peer: Connection["peer"]): Connection => {
    const ofProcess = perProcess.get(peer.pid) ?? 0;
    if (connections.size >= MAX_CONNECTIONS || ofProcess >= MAX_CONNECTIONS_OF_ONE_PROCESS) {
      peer.close();
      throw productError("ERR_WORKLOAD_ATTESTATION", `process ${peer.pid} has too many connections, or all have`);
    }
    perProcess.set(peer.pid, ofProcess + 1);
    const connection: Connection = { peer, ending: new AbortController() };
    connections.add(connection);
    return connection;
  };
  const closed = (connection: Connection): void => {
    connections.delete(connection);
    const { peer, ending } = connection;
    const left = (perProcess.get(peer.pid) ?? 1) - 1;
    if (left > 0) perProcess.set(peer.pid, left);
    else perProcess.delete(peer.pid);
    ending.abort();
    peer.close();
  };
  const listener = await listen(path, (at) => listenForGrpc(at, { server, accept, closed, clock }));

  let closing: Promise<void> | undefined;
  return {
    close() {
      closing ??= (async () => {
        const ended = server.close(0);
        listener.close();
        await ended;
      })();
      return closing;
    },
  };
}

function processName({ pid, uid }: WorkloadPeer): string {
  return `process ${pid} (uid ${uid})`;
}
