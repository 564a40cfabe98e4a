import { join } from "node:path";
import { productError } from "./errors.ts";

/** Where one mesh keeps what it has. `state` survives a restart, `runtime` holds sockets and is made anew at each start. */
export interface MeshPaths {
  readonly state: string;
  readonly runtime: string;
  /** SQLite file: issuance log, applied objects. */
  readonly database: string;
  readonly caDirectory: string;
  /** Key that signs service account tokens, and its JWK set. */
  readonly tokenIssuerDirectory: string;
  /** One log in a directory of its own for each process that writes one: `control-plane`, `agent`, `host-agent`. */
  readonly auditDirectory: string;
  /** Keys that sign the logs' heads. */
  readonly auditKeysDirectory: string;
  readonly logsDirectory: string;
  /** Launcher's and supervisor's process ids, for `down`, `exec` and `status`. */
  readonly processFile: string;
  /** Roots that every workload must trust; written by the control plane at its start. */
  readonly rootCertificate: string;
  /** HTTP API of the control plane. */
  readonly apiSocket: string;
  /** Stream of proxy configuration. */
  readonly configSocket: string;
  /** Proxies report what they have denied. */
  readonly reportsSocket: string;
  /** The launcher fetches keys of identity providers, when the control plane has no way out. */
  readonly keySetSocket: string;
  /** The supervisor tells the agent which process is which pod's proxy. */
  readonly agentControlSocket: string;
  /** Agents ask the CA for certificates and tokens. */
  readonly caSocket: string;
  /** Workload API for processes outside pods. */
  readonly workloadSocket: string;
  readonly namespacesDirectory: string;
  /** Explicit capture: which processes the mesh has started. */
  readonly processesDirectory: string;
  /** Which processes the launcher has started outside of the namespaces. */
  readonly hostProcessesDirectory: string;
  /** How connections are captured, for commands. */
  readonly captureFile: string;
  /** Address of the dashboard while one is served. */
  readonly dashboardFile: string;
  podRuntime(podUid: string): PodPaths;
}

export interface PodPaths {
  readonly directory: string;
  /** The agent hands this pod's identity to its proxy here. */
  readonly agentSocket: string;
  /** Workload API for the pod's processes; alone in its directory, which is what its containers see. */
  readonly workloadSocket: string;
  /** Proxy's admin surface: certificates in use, listeners, connections, readiness. */
  readonly proxyAdminSocket: string;
}

/** Never the name of a container's log, which ends in `.log`. */
const ACCESS_RECORDS = "access.jsonl";

/** Access records of one pod's proxy; older ones are in the file with `.1` appended. */
export function accessRecordsFile({ logsDirectory }: MeshPaths, namespace: string, podName: string): string {
  return join(logsDirectory, namespace, podName, ACCESS_RECORDS);
}

/** Longest path that a Unix socket address holds (sun_path has 108 bytes with its NUL, macOS' 104). */
const MAX_SOCKET_PATH = process.platform === "darwin" ? 103 : 107;
const LONGEST_SOCKET_BELOW_RUNTIME = "/pods/00000000-0000-0000-0000-000000000000/uds/socket".length;

/** @throws ERR_CONFIG_INVALID for a path that is longer than the address of a Unix socket */
export function requireSocketPathLength(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_SOCKET_PATH)
    throw productError(
      "ERR_CONFIG_INVALID",
      `socket path "${path}" has ${bytes} bytes, at most ${MAX_SOCKET_PATH} fit into the address of a Unix socket; choose a shorter one`,
    );
}

export function meshPaths(directories: { readonly state: string; readonly runtime: string }): MeshPaths {
  const { state, runtime } = directories;
  const length = Buffer.byteLength(runtime) + LONGEST_SOCKET_BELOW_RUNTIME;
  if (length > MAX_SOCKET_PATH)
    throw productError(
      "ERR_CONFIG_INVALID",
      `runtime directory "${runtime}" is ${length - MAX_SOCKET_PATH} bytes too long for Unix sockets; set XDG_RUNTIME_DIR to a shorter path, or use a shorter --name`,
    );
  return {
    state,
    runtime,
    database: join(state, "symbolon.db"),
    caDirectory: join(state, "ca"),
    tokenIssuerDirectory: join(state, "token-issuer"),
    auditDirectory: join(state, "audit"),
    auditKeysDirectory: join(state, "audit-keys"),
    rootCertificate: join(runtime, "root-cert.pem"),
    logsDirectory: join(state, "logs"),
    processFile: join(runtime, "processes.json"),
    apiSocket: join(runtime, "api.sock"),
    configSocket: join(runtime, "config.sock"),
    reportsSocket: join(runtime, "reports.sock"),
    keySetSocket: join(runtime, "keys.sock"),
    agentControlSocket: join(runtime, "agent.sock"),
    caSocket: join(runtime, "ca.sock"),
    workloadSocket: join(runtime, "workload.sock"),
    namespacesDirectory: join(runtime, "netns"),
    processesDirectory: join(runtime, "processes"),
    hostProcessesDirectory: join(runtime, "host-processes"),
    captureFile: join(runtime, "capture.json"),
    dashboardFile: join(runtime, "dashboard-url"),
    podRuntime(podUid) {
      const directory = join(runtime, "pods", podUid);
      return {
        directory,
        agentSocket: join(directory, "agent.sock"),
        workloadSocket: join(directory, "uds", "socket"),
        proxyAdminSocket: join(directory, "proxy.sock"),
      };
    },
  };
}
