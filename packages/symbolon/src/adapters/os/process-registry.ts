import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { uptime } from "node:os";
import { join } from "node:path";
import { processStartTicks } from "./process-stat.ts";

/**
 * Which processes a mesh has started, as files: without a PID namespace the kernel ends none of them when their
 * supervisor dies. A file is named by process id and start time, and written before anything else is done with the process.
 */
export interface ProcessRegistry {
  add(pid: number): void;
  remove(pid: number): void;
}

export function createProcessRegistry(directory: string): ProcessRegistry {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = (pid: number) => join(directory, `${pid}`);
  return {
    add(pid) {
      writeFileSync(path(pid), `${processStartTicks(pid) ?? 0}`, { mode: 0o600 });
    },
    remove(pid) {
      rmSync(path(pid), { force: true });
    },
  };
}

/**
 * Ends, with their process groups, the processes that a registry still names and that are the ones it meant. What was
 * written before this machine was last started means nobody any more.
 * @returns how many there were; 0 when there is no registry
 */
export function endLeftoverProcesses(directory: string, now: Date): number {
  const startedMs = now.getTime() - uptime() * 1000;
  let ended = 0;
  for (const name of namesIn(directory)) {
    const pid = Number(name);
    const startTicks = Number(readFileSync(join(directory, name), "utf8"));
    // An id whose process is gone may be another's by now; what is left of its group keeps the id from being used again.
    const isOurs = processStartTicks(pid) === startTicks || processStartTicks(pid) === undefined;
    const isOfThisRun = statSync(join(directory, name)).mtimeMs >= startedMs;
    if (isOfThisRun && isOurs && signalGroup(pid, "SIGKILL")) ended++;
    rmSync(join(directory, name), { force: true });
  }
  return ended;
}

/** False when the group has no process any more. */
export function signalGroup(leader: number, name: "SIGTERM" | "SIGKILL"): boolean {
  try {
    process.kill(-leader, name);
    return true;
  } catch {
    return false;
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
