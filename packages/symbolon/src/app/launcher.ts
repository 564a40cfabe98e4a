import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fullJitterBackoffMs, type Log, sleep, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { createKeySetFetcher, serveKeySetRelay } from "../adapters/http/index.ts";
import { endLeftoverProcesses } from "../adapters/os/index.ts";
import { type MeshPaths, productError } from "../core/index.ts";
import { captureStrategy, writeCapture } from "./capture/index.ts";
import { type DashboardChoice, startDashboard } from "./dashboard-server.ts";
import { dashboardSources } from "./dashboard-sources.ts";
import { SUPERVISOR_REFUSED } from "./exit-statuses.ts";
import { type HostAgentProcess, keepHostAgent } from "./host-agent-process.ts";
import { createProcessLog } from "./log.ts";
import { type MeshConfig, pathsOf } from "./mesh-config.ts";
import {
  createMeshProcessRecord,
  isAlive,
  type MeshProcessRecord,
  processRef,
  readMeshProcesses,
} from "./mesh-processes.ts";
import { selfCommand } from "./self-command.ts";

/** Restart of a supervisor that died: quick at first, so that traffic resumes; never a busy loop. */
const RESTART_BACKOFF = { baseMs: 250, capMs: 15_000 };
/** A supervisor that lived this long starts the count of failures anew. */
const HEALTHY_AFTER_MS = 60_000;
const SUPERVISOR_GRACE_MS = 30_000;
const REFUSED = "refused";

export interface Launcher {
  /** Ends the mesh and everything in it; resolves when nothing is left. */
  stop(): Promise<void>;
  /** Resolves when the launcher has ended, however that came. */
  readonly ended: Promise<void>;
}

/** The process outside the mesh's namespaces: starts the supervisor and starts it again when it dies. */
export async function runLauncher(config: MeshConfig, dashboard: DashboardChoice): Promise<number> {
  const log = createProcessLog("launcher", config.logLevel);
  const launcher = startLauncher(config, log);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void launcher.stop());
  const page = await serveDashboard(config, dashboard, log);
  const keySets = serveKeySets(config, log);
  await launcher.ended;
  page?.stop();
  keySets?.stop();
  return 0;
}

/** Without it a mesh goes on with the keys that it has, and says so. */
function serveKeySets(config: MeshConfig, log: Log) {
  if (!captureStrategy(config.capture).needsKeySetRelay) return undefined;
  try {
    return serveKeySetRelay(pathsOf(config).keySetSocket, createKeySetFetcher({ allowed: config.keySetRanges ?? [] }));
  } catch (error) {
    log.error("keys of identity providers outside of the mesh cannot be fetched", { error });
    return undefined;
  }
}

/** A page that cannot be served is no reason to end a mesh. */
async function serveDashboard(config: MeshConfig, dashboard: DashboardChoice, log: Log) {
  if (!dashboard) return undefined;
  try {
    const page = await startDashboard(dashboardSources(config), dashboard.port);
    writeFileSync(pathsOf(config).dashboardFile, page.url, { mode: 0o600 });
    return page;
  } catch (error) {
    log.error("dashboard is not served", { error });
    return undefined;
  }
}

export function startLauncher(config: MeshConfig, log: Log): Launcher {
  const paths = pathsOf(config);
  prepareDirectories(config, paths);
  const processes = createMeshProcessRecord(paths);
  writeCapture(paths, config.capture);
  const stopping = new AbortController();
  let child: ChildProcess | undefined;
  const hostAgent = keepHostAgent(config, processes, log);
  const ended = superviseSupervisor(config, { paths, processes, hostAgent }, log, stopping.signal, (current) => {
    child = current;
  });
  return {
    ended,
    async stop() {
      if (!stopping.signal.aborted) {
        stopping.abort();
        if (child) await endSupervisor(paths, child, log);
      }
      await ended;
    },
  };
}

/** What a launcher has besides the supervisor. */
interface Launched {
  readonly paths: MeshPaths;
  readonly processes: MeshProcessRecord;
  readonly hostAgent: HostAgentProcess;
}

async function superviseSupervisor(
  config: MeshConfig,
  { paths, processes, hostAgent }: Launched,
  log: Log,
  signal: AbortSignal,
  onStart: (child: ChildProcess) => void,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const startedAt = systemClock.monotonicMs();
    // Of one that died: without namespaces the kernel ends nothing with it.
    endLeftoverProcesses(paths.processesDirectory, systemClock.now());
    const child = startSupervisor(config, paths);
    onStart(child);
    const exit = new Promise<string>((resolve) => {
      child.once("exit", (code, killedBy) =>
        resolve(killedBy ?? (code === SUPERVISOR_REFUSED ? REFUSED : `status ${code}`)),
      );
      child.once("error", (error) => resolve(error.message));
    });
    void recordSupervisor(config, processes, child, signal);
    const reason = await exit;
    if (signal.aborted) break;
    if (reason === REFUSED) {
      log.error("the mesh cannot start as it is");
      break;
    }
    failures = systemClock.monotonicMs() - startedAt > HEALTHY_AFTER_MS ? 0 : failures + 1;
    const delayMs = fullJitterBackoffMs(failures, systemRandom, RESTART_BACKOFF);
    log.error("supervisor died and is started again", { reason, failures, delayMs: Math.round(delayMs) });
    await sleep(systemClock, delayMs, signal);
  }
  await hostAgent.stop();
  endLeftoverProcesses(paths.processesDirectory, systemClock.now());
  rmSync(paths.runtime, { recursive: true, force: true });
}

function startSupervisor(config: MeshConfig, paths: MeshPaths): ChildProcess {
  const argv = selfCommand("internal", "supervisor", JSON.stringify(config));
  const [command = "", ...args] = captureStrategy(config.capture).supervisorCommand(argv);
  const output = openSync(join(paths.logsDirectory, "supervisor.log"), "a", 0o600);
  return spawn(command, args, { stdio: ["ignore", output, output], detached: true });
}

/** Notes the supervisor's host process id, for `down` and `exec`, once it exists. */
async function recordSupervisor(
  config: MeshConfig,
  processes: MeshProcessRecord,
  child: ChildProcess,
  signal: AbortSignal,
): Promise<void> {
  const { supervisorPid } = captureStrategy(config.capture);
  while (!signal.aborted && child.pid && child.exitCode === null && child.signalCode === null) {
    const pid = supervisorPid(child.pid);
    if (pid) return processes.note({ supervisor: processRef(pid) });
    await sleep(systemClock, 5);
  }
}

async function endSupervisor(paths: MeshPaths, child: ChildProcess, log: Log): Promise<void> {
  const supervisor = readMeshProcesses(paths)?.supervisor;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (isAlive(supervisor)) process.kill(supervisor.pid, "SIGTERM");
  else child.kill("SIGKILL");
  const kill = systemClock.setTimer(SUPERVISOR_GRACE_MS, () => {
    log.error("supervisor did not end in time and is killed", { graceMs: SUPERVISOR_GRACE_MS });
    if (isAlive(supervisor)) process.kill(supervisor.pid, "SIGKILL");
    child.kill("SIGKILL");
  });
  await gone;
  kill.cancel();
}

function prepareDirectories(config: MeshConfig, paths: MeshPaths): void {
  const running = readMeshProcesses(paths);
  if (isAlive(running?.launcher) || isAlive(running?.supervisor))
    throw productError(
      "ERR_MESH_ALREADY_RUNNING",
      `mesh "${config.name}" is already running (process ${(running?.supervisor ?? running?.launcher)?.pid}); change it with "symbolon apply -f", end it with "symbolon down", or start another with --name`,
    );
  endLeftoverProcesses(paths.processesDirectory, systemClock.now());
  endLeftoverProcesses(paths.hostProcessesDirectory, systemClock.now());
  rmSync(paths.runtime, { recursive: true, force: true });
  for (const directory of [
    paths.state,
    paths.logsDirectory,
    paths.runtime,
    paths.namespacesDirectory,
    join(paths.runtime, "pods"),
  ])
    makePrivateDirectory(directory);
}

/** @throws ERR_STATE_DIRECTORY */
export function makePrivateDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw productError(
      "ERR_STATE_DIRECTORY",
      `cannot make directory "${directory}": ${(error as Error).message}; check its permissions and free space`,
      {
        cause: error,
      },
    );
  }
}
