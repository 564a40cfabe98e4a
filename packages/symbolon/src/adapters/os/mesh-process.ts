import { closeSync } from "node:fs";
import { productError } from "../../core/index.ts";
import type { RunningProcess } from "../../pod-runtime/index.ts";
import { inNewPidNamespace } from "./pid-namespace.ts";
import { openPipe } from "./pipe.ts";
import { handlesSignal, processStartTicks } from "./process-stat.ts";
import { openRotatingLog } from "./rotating-log.ts";
import { SYSTEM_PATH } from "./run-command.ts";

export interface MeshProcessOptions {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Receives standard output and standard error. */
  readonly logFile: string;
  /** Network namespace to start in; absent: the caller's. */
  readonly networkNamespace?: string;
}

const SIGTERM_NUMBER = 15;

/** Starts a process of the mesh itself: a proxy (in its pod's P), the control plane, the agent. */
export function startMeshProcess(options: MeshProcessOptions): RunningProcess {
  const enter = options.networkNamespace === undefined ? [] : ["nsenter", `--net=${options.networkNamespace}`, "--"];
  const { child } = spawnLogged([...enter, ...options.argv], options.env, options.logFile);
  // nsenter executes the program in its own place: the id is the program's.
  return runningProcess(child, { firstOfNamespace: false });
}

export interface LoggedChild {
  readonly child: Bun.Subprocess;
  /** Descriptor 3 of the child, from our side; the caller reads it to its end. */
  readonly setup?: number;
}

export interface SpawnOptions {
  /** PID 1 of a new PID namespace, with one more pipe as descriptor 3. */
  readonly isContainer?: boolean;
  /** Leader of a new process group and session. */
  readonly ownGroup?: boolean;
  readonly workingDirectory?: string;
  /** Where the program is looked up; absent: the system's own directories only. */
  readonly searchPath?: string;
}

/** Spawns with standard output and error into a bounded log. */
export function spawnLogged(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  logFile: string,
  { isContainer = false, ownGroup = false, workingDirectory, searchPath = SYSTEM_PATH }: SpawnOptions = {},
): LoggedChild {
  const [name = "", ...rest] = argv;
  const program = name.includes("/") ? name : (Bun.which(name, { PATH: searchPath }) ?? undefined);
  if (program === undefined) throw productError("ERR_PROGRAM_MISSING", `program "${name}" is not in ${searchPath}`);
  const log = openRotatingLog(logFile);
  const output = openPipe();
  const setup = isContainer ? openPipe() : undefined;
  try {
    const spawn = () =>
      Bun.spawn([program, ...rest], {
        env: { ...env },
        detached: ownGroup,
        ...(workingDirectory === undefined ? {} : { cwd: workingDirectory }),
        stdio: ["ignore", output.write, output.write, ...(setup ? [setup.write] : [])],
      });
    const child = isContainer ? inNewPidNamespace(spawn) : spawn();
    void copyToLog(output.read, log);
    return { child, ...(setup ? { setup: setup.read } : {}) };
  } catch (cause) {
    for (const fd of [output.read, setup?.read]) if (fd !== undefined) closeSync(fd);
    log.close();
    throw productError("ERR_CONTAINER_START", `cannot start "${name}": ${(cause as Error).message}`, { cause });
  } finally {
    closeSync(output.write);
    if (setup) closeSync(setup.write);
  }
}

/** The write blocks, and with it the program once the pipe is full: a flood of lines costs its writer, not our memory. */
async function copyToLog(fd: number, log: ReturnType<typeof openRotatingLog>): Promise<void> {
  try {
    for await (const chunk of Bun.file(fd).stream()) log.write(chunk);
  } finally {
    log.close();
    closeSync(fd);
  }
}

export function runningProcess(child: Bun.Subprocess, options: { readonly firstOfNamespace: boolean }): RunningProcess {
  const { pid } = child;
  const startTicks = processStartTicks(pid) ?? 0;
  return {
    pid,
    startTicks,
    exited: child.exited.then((code) => ({ code, ...(child.signalCode ? { signal: `${child.signalCode}` } : {}) })),
    signal(name) {
      // An id is given again once its process is gone.
      if (processStartTicks(pid) !== startTicks) return;
      try {
        process.kill(pid, name);
      } catch {
        // It ended between the look and the signal.
      }
    },
    handlesTerm: () => !options.firstOfNamespace || handlesSignal(pid, SIGTERM_NUMBER),
  };
}
