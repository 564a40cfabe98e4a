import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { sleep, systemClock } from "@symbolon/spiffe/core";
import { createApiClient } from "../adapters/http/index.ts";
import { claimUnixSocketPath, isSocketServed } from "../adapters/os/index.ts";
import { type MeshPaths, productError } from "../core/index.ts";
import { type CaptureChoice, captureStrategy, chooseCapture } from "./capture/index.ts";
import { checkConfig } from "./check-config.ts";
import { checkDashboardPort, type DashboardChoice, startDashboard } from "./dashboard-server.ts";
import { dashboardSources } from "./dashboard-sources.ts";
import { makePrivateDirectory, startLauncher } from "./launcher.ts";
import { createProcessLog } from "./log.ts";
import { type MeshConfig, pathsOf, workloadSocketOf } from "./mesh-config.ts";
import { isAlive, readMeshProcesses } from "./mesh-processes.ts";
import { meshOverview } from "./overview.ts";
import { selfCommand } from "./self-command.ts";
import { stopMesh } from "./stop-mesh.ts";
import { validateManifests } from "./validate-manifests.ts";

export interface UpOptions {
  /** All but what is only known on the machine that it is to run on. */
  readonly config: Omit<MeshConfig, "capture">;
  readonly capture: CaptureChoice;
  /** Forget the state of earlier runs. */
  readonly fresh: boolean;
  readonly dashboard: DashboardChoice;
}

const POLL_MS = 50;
/** Nothing new for this long: say what is waited for, and go on. */
const READY_TIMEOUT_MS = 60_000;
/** From then on each pod that is still waited for says why. */
const REASONS_AFTER_MS = 5_000;
/** A control plane that does not answer for this long dies each time it is started. */
const API_TIMEOUT_MS = 20_000;
const WORKLOAD_API_TIMEOUT_MS = 5_000;
/** Database, logs and keys of a small mesh. */
const MIN_FREE_BYTES = 4 << 20;
const SHUTDOWN_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** `symbolon up`: the mesh lives as long as this process. */
export async function runInForeground(options: UpOptions): Promise<number> {
  const { dashboard } = options;
  const { config, paths } = await prepare(options);
  const log = createProcessLog("launcher", "warn");
  const launcher = startLauncher(config, log);
  for (const signal of SHUTDOWN_SIGNALS)
    process.on(signal, () => {
      say("stopping");
      void launcher.stop();
    });
  const page =
    dashboard &&
    (await startDashboard(dashboardSources(config), dashboard.port).catch((error) =>
      launcher.stop().then(() => Promise.reject(error)),
    ));
  const ready = await Promise.race([
    waitUntilReady(config, paths, () => true),
    launcher.ended.then(() => "ended" as const),
  ]);
  if (ready !== "ended") {
    await introduce(config, page);
    say("running; Ctrl-C stops it");
  }
  await launcher.ended;
  page?.stop();
  return 0;
}

/** `symbolon up --detach`: returns when every pod is ready; the launcher goes on in the background. */
export async function runInBackground(options: UpOptions): Promise<number> {
  const { dashboard } = options;
  const { config, paths } = await prepare(options);
  checkDashboardPort(dashboard);
  makePrivateDirectory(paths.logsDirectory);
  const logFile = join(paths.logsDirectory, "launcher.log");
  rmSync(logFile, { force: true });
  const output = openSync(logFile, "a", 0o600);
  const [program = "", ...args] = selfCommand(
    "internal",
    "launcher",
    JSON.stringify(config),
    JSON.stringify(dashboard ?? null),
  );
  const launcher = spawn(program, args, { detached: true, stdio: ["ignore", output, output] });
  closeSync(output);
  launcher.unref();
  const ready = await waitUntilReady(config, paths, () => launcher.exitCode === null && launcher.signalCode === null);
  if (ready === "ended") throw startFailure(paths, "the mesh ended while it was starting");
  await introduce(config, undefined);
  return 0;
}

/** Everything that can be wrong is said before anything is started. */
async function prepare({
  config: asked,
  capture: choice,
  fresh,
}: UpOptions): Promise<{ readonly config: MeshConfig; readonly paths: MeshPaths }> {
  const paths = pathsOf(asked);
  await checkConfig(asked);
  const chosen = await chooseCapture(choice);
  const strategy = captureStrategy(chosen);
  const config = { ...asked, capture: { ...chosen, ca: await strategy.chooseCaAddress() } };
  if (choice === "auto" && strategy.warnings.length > 0) say(`capture is ${chosen.mode}: ${chosen.reason}`);
  for (const warning of strategy.warnings) say(`warning: ${warning}`);
  for (const warning of await validateManifests(config)) say(warning);
  const running = readMeshProcesses(paths);
  if (isAlive(running?.launcher) || isAlive(running?.supervisor))
    throw productError(
      "ERR_MESH_ALREADY_RUNNING",
      `mesh "${config.name}" is already running; change it with "symbolon apply -f", end it with "symbolon down", or start another one with --name`,
    );
  for (const directory of [paths.state, paths.logsDirectory, paths.runtime]) makePrivateDirectory(directory);
  requireSpace(paths.state);
  if (fresh) {
    await stopMesh(paths, systemClock);
    forgetState(paths);
  }
  // An agent that a launcher has left behind is ended when the next one starts, and leaves the path then.
  if (config.workloadSocketPath !== undefined && !isAlive(running?.hostAgent))
    await claimUnixSocketPath(config.workloadSocketPath);
  return { config, paths };
}

/** What was done stays on record: the audit logs outlive the mesh that they tell of. */
function forgetState(paths: MeshPaths): void {
  const kept = [paths.auditDirectory, paths.auditKeysDirectory];
  for (const name of readdirSync(paths.state)) {
    const path = join(paths.state, name);
    if (!kept.includes(path)) rmSync(path, { recursive: true, force: true });
  }
}

/** Prints each pod's way to readiness; "ended" when the launcher is gone before that. */
async function waitUntilReady(
  config: MeshConfig,
  paths: MeshPaths,
  alive: () => boolean,
): Promise<"ready" | "ended" | "waiting"> {
  const api = createApiClient({ socketPath: paths.apiSocket });
  const said = new Set<string>();
  const sayOnce = (text: string): void => {
    if (said.has(text)) return;
    said.add(text);
    say(text);
  };
  sayOnce(`starting mesh "${config.name}"`);
  const startedAt = systemClock.monotonicMs();
  while (alive()) {
    const overview = await meshOverview(config, api).catch(() => undefined);
    if (overview) {
      for (const finding of overview.findings) sayOnce(finding);
      const waiting = overview.workloads.filter((row) => !row.ready);
      for (const row of overview.workloads.filter((each) => each.ready))
        sayOnce(`pod ${row.namespace}/${row.pod} is ready`);
      if (waiting.length === 0 && overview.settled) return "ready";
      const elapsedMs = systemClock.monotonicMs() - startedAt;
      if (elapsedMs > REASONS_AFTER_MS)
        for (const { namespace, pod, reason = "starting" } of waiting)
          sayOnce(`pod ${namespace}/${pod} is not ready: ${reason}`);
      if (elapsedMs > READY_TIMEOUT_MS) {
        say(`not every pod is ready yet; "symbolon status" tells how it goes on`);
        return "waiting";
      }
    } else if (systemClock.monotonicMs() - startedAt > API_TIMEOUT_MS) {
      await stopMesh(paths, systemClock);
      throw startFailure(paths, "the control plane does not start; everything was stopped again");
    }
    await sleep(systemClock, POLL_MS);
  }
  return "ended";
}

async function introduce(
  config: MeshConfig,
  page: Awaited<ReturnType<typeof startDashboard>> | undefined,
): Promise<void> {
  const overview = await meshOverview(config);
  const withIdentity = overview.workloads.filter((row) => row.spiffeId).length;
  const name = config.name === "default" ? "" : ` --name ${config.name}`;
  say(
    `mesh "${config.name}" is up: ${overview.workloads.length} pods, ${withIdentity} with an identity in trust domain ${config.trustDomain}`,
  );
  const { applied } = overview;
  if (applied > 0)
    say(
      `${applied === 1 ? "one object" : `${applied} objects`} applied in an earlier run: in force too; --fresh forgets them`,
    );
  await workloadApiServed(config);
  const url = page?.url ?? overview.dashboardUrl;
  if (url) say(`dashboard: ${url} (loopback, read-only, no login)`);
  say(
    `next: symbolon${name} get pods -A · symbolon${name} status · symbolon${name} exec deploy/NAME -n NAMESPACE -- COMMAND · symbolon${name} down`,
  );
}

/** Its agent is another process, which may take a moment longer than the pods. */
async function workloadApiServed(config: MeshConfig): Promise<void> {
  const socket = workloadSocketOf(config);
  const deadline = systemClock.monotonicMs() + WORKLOAD_API_TIMEOUT_MS;
  let served = await isSocketServed(socket);
  while (!served && systemClock.monotonicMs() < deadline) {
    await sleep(systemClock, POLL_MS);
    served = await isSocketServed(socket);
  }
  if (served) say(`Workload API for processes outside pods: SPIFFE_ENDPOINT_SOCKET=unix://${socket}`);
  else
    say(`warning: the Workload API is not served; ${join(pathsOf(config).logsDirectory, "host-agent.log")} says why`);
}

/** On a full disk no process could even say why it ends. */
function requireSpace(directory: string): void {
  const { bavail, bsize } = statfsSync(directory);
  if (bavail * bsize >= MIN_FREE_BYTES) return;
  throw productError(
    "ERR_STATE_DIRECTORY",
    `the disk of "${directory}" is full (${bavail * bsize} bytes left, at least ${MIN_FREE_BYTES} are needed); free some space, or choose another with XDG_STATE_HOME`,
  );
}

/** With the last word of the process that comes first in the chain and has left one. */
function startFailure(paths: MeshPaths, what: string): Error {
  const logs = ["control-plane", "supervisor", "launcher"].map((role) => join(paths.logsDirectory, `${role}.log`));
  const log = logs.find((path) => existsSync(path) && readFileSync(path, "utf8").trim() !== "");
  return productError("ERR_MESH_START", log ? `${what}; ${log} says: ${lastMessage(readFileSync(log, "utf8"))}` : what);
}

function lastMessage(log: string): string {
  const line = log.trim().split("\n").at(-1) ?? "";
  try {
    const record = JSON.parse(line) as { message?: string; error?: { message?: string } };
    return [record.message, record.error?.message].filter(Boolean).join(": ");
  } catch {
    return line || "nothing";
  }
}

function say(text: string): void {
  console.error(text);
}
