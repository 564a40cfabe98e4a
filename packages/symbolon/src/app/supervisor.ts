import { join } from "node:path";
import { createObservable, type Log, sleep, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { type ApiClient, createApiClient, createPodReports, type PodReports } from "../adapters/http/index.ts";
import { type AgentControlClient, createAgentControlClient, readProxyAdmin } from "../adapters/ipc/index.ts";
import { createPodDirectories, podLayout, publishPodSecrets } from "../adapters/os/index.ts";
import type { MeshPaths } from "../core/index.ts";
import type { Pod } from "../mesh/index.ts";
import {
  type CommandResolver,
  createImageMap,
  createRestartBackoff,
  keepRunning,
  OWN_PROCESS_BACKOFF,
  type PodRuntimePorts,
  parseImageOption,
  startPodRuntime,
  terminateProcess,
} from "../pod-runtime/index.ts";
import { captureStrategy, type PodHost } from "./capture/index.ts";
import { SUPERVISOR_REFUSED } from "./exit-statuses.ts";
import { createProcessLog } from "./log.ts";
import { type MeshConfig, PASSPHRASE_VARIABLE, pathsOf } from "./mesh-config.ts";
import { selfCommand } from "./self-command.ts";

const CHILD_GRACE_MS = 5000;
const PROXY_READY_POLL_MS = 15;
/** Tokens live an hour; they are replaced well before. */
const TOKEN_REFRESH_MS = 40 * 60_000;
const API_RETRY_MS = 20;
/** Statuses with which a process says that starting it again would end the same way (ADR 6). */
const REFUSALS = [1, 65];

/** The mesh's network, its processes and its pods. Where it is PID 1 of the mesh, the kernel ends everything else with it. */
export async function runSupervisor(config: MeshConfig): Promise<number> {
  const log = createProcessLog("supervisor", config.logLevel);
  const paths = pathsOf(config);
  const stopping = new AbortController();
  const stopped = new Promise<void>((resolve) =>
    stopping.signal.addEventListener("abort", () => resolve(), { once: true }),
  );
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stopping.abort());

  const resolveCommand = createImageMap({ entries: config.imageMap.map(parseImageOption), self: selfCommand() });
  const host = captureStrategy(config.capture).createPodHost({
    config,
    paths,
    resolveCommand,
    baseEnvironment: containerEnvironment(),
    log,
  });
  await host.start();
  const ownProcesses = new AbortController();
  const controlPlane = { hasAnswered: false, refused: false };
  const refuse = (status: number): void => {
    if (controlPlane.hasAnswered || !REFUSALS.includes(status)) return;
    log.error("the control plane refuses to start", { status });
    controlPlane.refused = true;
    stopping.abort();
  };
  const lives = [
    keepChild("control-plane", config, host, log, ownProcesses.signal, refuse),
    keepChild("agent", config, host, log, ownProcesses.signal),
  ];

  const api = createApiClient({ socketPath: paths.apiSocket });
  const agent = createAgentControlClient({
    path: paths.agentControlSocket,
    clock: systemClock,
    random: systemRandom,
    log,
  });
  const desired = createObservable<readonly Pod[]>([]);
  const answered = desired.subscribe(() => {
    controlPlane.hasAnswered = true;
  });
  const watching = followDesiredPods(api, desired, log, stopping.signal);
  const reports = createPodReports({ api, clock: systemClock, log, signal: ownProcesses.signal });
  const runtime = startPodRuntime(desired, podRuntimePorts(config, host, resolveCommand, { api, agent, reports }, log));
  const refreshing = refreshTokens(paths, api, () => runtime.pods, log, stopping.signal);

  await stopped;
  log.info("stopping");
  await runtime.close();
  await Promise.all([watching, refreshing]);
  agent.close();
  ownProcesses.abort();
  await Promise.all(lives);
  answered();
  return controlPlane.refused ? SUPERVISOR_REFUSED : 0;
}

function podRuntimePorts(
  config: MeshConfig,
  host: PodHost,
  resolveCommand: CommandResolver,
  {
    api,
    agent,
    reports,
  }: { readonly api: ApiClient; readonly agent: AgentControlClient; readonly reports: PodReports },
  log: Log,
): PodRuntimePorts {
  const paths = pathsOf(config);
  const podDirectory = (uid: string) => paths.podRuntime(uid).directory;
  const directories = createPodDirectories({ podDirectory, clusterDomain: config.clusterDomain });
  const descriptions = new Map<string, Pod>();
  return {
    clock: systemClock,
    log,
    network: host.network,
    directories: {
      async prepare(pod) {
        descriptions.set(pod.uid, pod);
        await directories.prepare(pod);
        publishPodSecrets(podDirectory(pod.uid), await api.podSecrets(pod.uid));
      },
      async remove(pod) {
        descriptions.delete(pod.uid);
        await directories.remove(pod);
      },
    },
    proxy: {
      start: async (pod) =>
        host.startProxy(pod.uid, {
          argv: selfCommand("internal", "proxy", JSON.stringify(config), pod.uid),
          // A proxy trusts its bundles alone; without this the runtime looks for the system's authorities at each handshake.
          env: { ...withoutPassphrase(environment()), SSL_CERT_DIR: "" },
          logFile: join(paths.logsDirectory, pod.namespace, pod.name, "istio-proxy.log"),
        }),
      async ready(pod, signal) {
        while (!signal.aborted) {
          if (await readProxyAdmin(paths.podRuntime(pod.uid).proxyAdminSocket, "ready").catch(() => false)) return;
          await sleep(systemClock, PROXY_READY_POLL_MS, signal);
        }
      },
    },
    containers: host.containers,
    resolveCommand,
    prober: host.prober,
    identities: {
      async register(podUid, proxy) {
        const pod = descriptions.get(podUid);
        if (!pod) return;
        const { agentSocket, workloadSocket } = paths.podRuntime(podUid);
        await agent.register({
          podUid,
          namespace: pod.namespace,
          name: pod.name,
          serviceAccount: pod.serviceAccount,
          tokenPath: podLayout(podDirectory(podUid)).serviceAccountToken,
          socketPath: agentSocket,
          workloadSocketPath: workloadSocket,
          // Without a sidecar its forwarder is nobody's proxy for the agent.
          ...(pod.sidecar ? { proxy } : {}),
        });
      },
      unregister: (podUid) => agent.unregister(podUid),
    },
    statuses: {
      report: (pod, status) => reports.status(pod.uid, status),
      removed: (pod) => reports.removed(pod.uid),
    },
  };
}

/** Starts one of the mesh's own processes again whenever it ends. */
function keepChild(
  role: string,
  config: MeshConfig,
  host: PodHost,
  log: Log,
  signal: AbortSignal,
  onStatus: (status: number) => void = () => undefined,
): Promise<void> {
  return keepRunning({
    clock: systemClock,
    signal,
    backoff: createRestartBackoff(OWN_PROCESS_BACKOFF),
    start: async () =>
      host.startProcess({
        argv: selfCommand("internal", role, JSON.stringify(config)),
        env: role === "control-plane" ? environment() : withoutPassphrase(environment()),
        logFile: join(pathsOf(config).logsDirectory, `${role}.log`),
      }),
    terminate: (child) => terminateProcess(child, CHILD_GRACE_MS, systemClock),
    onState(state) {
      if (state.kind !== "backing_off") return;
      log.error("process ended and is started again", { role, reason: state.reason, delayMs: state.delayMs });
      if (state.exit?.code != null) onStatus(state.exit.code);
    },
  });
}

/** Reads the list of wanted pods for as long as the mesh lives; the last one stays while the control plane is away. */
async function followDesiredPods(
  api: ApiClient,
  desired: ReturnType<typeof createObservable<readonly Pod[]>>,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const boot = crypto.randomUUID();
  let connected = false;
  while (!signal.aborted) {
    try {
      for await (const pods of api.watchPods(boot, signal)) {
        if (!connected) log.info("control plane is connected");
        connected = true;
        desired.set(pods);
      }
    } catch (error) {
      if (connected) log.warn("control plane is away; pods stay as they are", { error });
    }
    connected = false;
    await sleep(systemClock, API_RETRY_MS, signal);
  }
}

async function refreshTokens(
  paths: MeshPaths,
  api: ApiClient,
  pods: () => readonly Pod[],
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(systemClock, TOKEN_REFRESH_MS, signal);
    for (const pod of signal.aborted ? [] : pods()) {
      try {
        publishPodSecrets(paths.podRuntime(pod.uid).directory, await api.podSecrets(pod.uid));
      } catch (error) {
        log.warn("token of a pod was not replaced", { pod: pod.name, namespace: pod.namespace, error });
      }
    }
  }
}

function environment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function withoutPassphrase({
  [PASSPHRASE_VARIABLE]: _secret,
  ...rest
}: Record<string, string>): Record<string, string> {
  return rest;
}

/** What a container inherits of its user's environment; everything else comes from the manifest. */
function containerEnvironment(): Record<string, string> {
  const inherited = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER"];
  return Object.fromEntries(Object.entries(environment()).filter(([name]) => inherited.includes(name)));
}
