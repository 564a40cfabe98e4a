import {
  type Clock,
  errorText,
  isSymbolonError,
  type Log,
  type Random,
  type SymbolonError,
} from "@symbolon/spiffe/core";
import type { Workload, WorkloadAttestor, WorkloadPeer } from "../../agent/index.ts";
import type { SecretFiles } from "../../agent/secrets/index.ts";
import { type AuditSink, type ProductErrorCode, productError, requireSocketPathLength } from "../../core/index.ts";
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
  /**
   * Who connected, by the kernel's word (`pinPeer` of adapters/os); undefined for a process outside of our PID namespace.
   * @throws ERR_PEER_CREDENTIALS
   */
  readonly pinPeer: (fd: number) => PinnedPeer | undefined;
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

type PinnedPeer = WorkloadPeer & { close(): void };

/** At the other end is nobody who could have an identity: each call is refused with this, and nothing is looked up. */
interface Stranger {
  readonly refusal: SymbolonError;
}

interface Connection {
  readonly caller: PinnedPeer | Stranger;
  readonly ending: AbortController;
  /** Found out once, with the first call that needs it. */
  workload?: Promise<Workload>;
}

/** Beyond it a new connection is closed at once: 1,000 workloads with a few connections each. */
const MAX_CONNECTIONS = 8192;
/** Strangers have as many together: nobody can tell them apart. */
const MAX_CONNECTIONS_OF_ONE_PROCESS = 256;
const UNKNOWN = "unknown process";
const OUTSIDE = "the peer is not visible in this process's PID namespace";
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
 * kernel says. Who is no process that could have an identity is told so, call by call, as every other (S3).
 * @throws ERR_CONFIG_INVALID for a path that is too long, ERR_SOCKET_PATH_UNSAFE, ERR_SOCKET_IN_USE, ERR_LISTEN_FAILED
 */
export async function serveWorkloadEndpoint(options: WorkloadEndpointOptions): Promise<WorkloadEndpoint> {
  const { path, listen, pinPeer, workloads, filesOf, clock, log } = options;
  requireSocketPathLength(path);
  const record = createRefusalRecord(options);
  const recordInvalid = ({ caller }: Connection, reason: string): void =>
    record({ actor: callerName(caller), code: "ERR_WORKLOAD_REQUEST_INVALID", reason });
  const recordRefused = (peer: WorkloadPeer, error: unknown): void =>
    record({
      actor: callerName(peer),
      code: isSymbolonError(error) ? error.code : "ERR_WORKLOAD_ATTESTATION",
      reason: errorText(error),
    });
  const requireAlive = (peer: WorkloadPeer): void => {
    if (peer.isAlive()) return;
    const error = hasEnded(peer);
    recordRefused(peer, error);
    throw error;
  };
  const connections = new Set<Connection>();
  const perProcess = new Map<number, number>();

  const callerOf = async ({ peer: connection }: Call<Connection>) => {
    const { caller: peer } = connection;
    if ("refusal" in peer) throw peer.refusal;
    connection.workload ??= attestedFor(connection, peer);
    const workload = await connection.workload;
    requireAlive(peer);
    return { peer, workload };
  };
  const attestedFor = (connection: Connection, peer: PinnedPeer): Promise<Workload> => {
    const attempt = attest(connection, peer);
    // The next call of the connection tries again.
    attempt.catch(() => delete connection.workload);
    return attempt;
  };
  const attest = async ({ ending }: Connection, peer: PinnedPeer): Promise<Workload> => {
    try {
      const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(MAX_ATTESTATION_MS)]);
      if (!peer.isAlive()) throw hasEnded(peer);
      const workload = pinnedWorkload(await workloads.attest(peer, signal), () => requireAlive(peer));
      if (ending.signal.aborted) workload.release();
      else ending.signal.addEventListener("abort", () => workload.release(), { once: true });
      return workload;
    } catch (error) {
      recordRefused(peer, error);
      log.warn("workload attestation failed", { pid: peer.pid, uid: peer.uid, error: errorText(error) });
      throw error;
    }
  };

  const server = createGrpcServer<Connection>({
    methods: [
      ...workloadApiMethods<Connection>(options, async (call) => (await callerOf(call)).workload),
      ...secretDiscoveryMethods<Connection>(options, async (call) => {
        const { peer, workload } = await callerOf(call);
        return { workload, files: filesOf(peer) };
      }),
      ...healthMethods<Connection>(),
      ...reflectionMethods<Connection>(),
    ],
    limits: CONNECTION_LIMITS,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    onRefused: recordInvalid,
    clock,
    log,
  });
  const identify = (fd: number): PinnedPeer | Stranger => {
    try {
      return pinPeer(fd) ?? stranger("ERR_PEER_CREDENTIALS", OUTSIDE, "ERR_WORKLOAD_NOT_ENTITLED");
    } catch (error) {
      const code = isSymbolonError(error) ? error.code : "ERR_INTERNAL_BUG";
      return stranger(code, errorText(error), "ERR_WORKLOAD_ATTESTATION");
    }
  };
  const stranger = (code: string, reason: string, refusal: ProductErrorCode): Stranger => {
    log.warn("a process connected that has no identity here", { path, reason });
    record({ actor: UNKNOWN, code, reason });
    return { refusal: productError(refusal, reason) };
  };
  const accept = (fd: number): Connection | undefined => {
    const caller = identify(fd);
    const id = processId(caller);
    const ofProcess = perProcess.get(id) ?? 0;
    if (connections.size >= MAX_CONNECTIONS || ofProcess >= MAX_CONNECTIONS_OF_ONE_PROCESS) {
      const reason = `${callerName(caller)} has too many connections, or all have`;
      log.warn("connection refused", { path, reason });
      record({ actor: callerName(caller), code: "ERR_WORKLOAD_ATTESTATION", reason });
      if ("close" in caller) caller.close();
      return undefined;
    }
    perProcess.set(id, ofProcess + 1);
    const connection: Connection = { caller, ending: new AbortController() };
    connections.add(connection);
    return connection;
  };
  const closed = (connection: Connection): void => {
    connections.delete(connection);
    const { caller, ending } = connection;
    const id = processId(caller);
    const left = (perProcess.get(id) ?? 1) - 1;
    if (left > 0) perProcess.set(id, left);
    else perProcess.delete(id);
    ending.abort();
    if ("close" in caller) caller.close();
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

function hasEnded({ pid }: WorkloadPeer): SymbolonError {
  return productError("ERR_WORKLOAD_ATTESTATION", `process ${pid} that connected has ended`);
}

/** All strangers are one: no process has this id. */
function processId(caller: PinnedPeer | Stranger): number {
  return "pid" in caller ? caller.pid : 0;
}

function callerName(caller: WorkloadPeer | Stranger): string {
  return "pid" in caller ? `process ${caller.pid} (uid ${caller.uid})` : UNKNOWN;
}
