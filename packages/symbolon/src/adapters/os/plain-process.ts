import type { RunningProcess } from "../../pod-runtime/index.ts";
import { spawnLogged } from "./mesh-process.ts";
import { type ProcessRegistry, signalGroup } from "./process-registry.ts";
import { processStartTicks } from "./process-stat.ts";

export interface PlainProcessOptions {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Receives standard output and standard error. */
  readonly logFile: string;
  readonly workingDirectory?: string;
  /** Where the program is looked up; absent: the system's own directories only. */
  readonly searchPath?: string;
}

/** Starts a process on this machine, in a process group of its own: what it starts ends with it. */
export function startPlainProcess(options: PlainProcessOptions, registry: ProcessRegistry): RunningProcess {
  const { argv, env, logFile, workingDirectory, searchPath } = options;
  const { child } = spawnLogged(argv, env, logFile, {
    ownGroup: true,
    ...(workingDirectory === undefined ? {} : { workingDirectory }),
    ...(searchPath === undefined ? {} : { searchPath }),
  });
  const { pid } = child;
  registry.add(pid);
  const startTicks = processStartTicks(pid) ?? 0;
  const exited = child.exited.then((code) => {
    signalGroup(pid, "SIGKILL");
    registry.remove(pid);
    return { code, ...(child.signalCode ? { signal: `${child.signalCode}` } : {}) };
  });
  return {
    pid,
    startTicks,
    exited,
    signal: (name) => void signalGroup(pid, name),
    handlesTerm: () => true,
  };
}
