import { rmSync } from "node:fs";
import { type Clock, sleep } from "@symbolon/spiffe/core";
import { endLeftoverProcesses } from "../adapters/os/index.ts";
import type { MeshPaths } from "../core/index.ts";
import { isAlive, type ProcessRef, readMeshProcesses } from "./mesh-processes.ts";

/** How long the mesh may take to end its pods before the kernel is asked to. */
const GRACE_MS = 35_000;
const POLL_MS = 20;

export type StopOutcome = "stopped" | "killed" | "was not running";

/**
 * Ends a mesh and removes what it left in the runtime directory. Works also after any of its processes was killed: the
 * supervisor is PID 1 of the mesh's PID namespace, so with it the kernel ends everything; where there is none, the
 * processes that it has started are on record.
 */
export async function stopMesh(paths: MeshPaths, clock: Clock, graceMs = GRACE_MS): Promise<StopOutcome> {
  const processes = readMeshProcesses(paths);
  const remaining = () => [processes?.launcher, processes?.supervisor].filter(isAlive);
  const wasRunning = remaining().length > 0;
  let outcome: StopOutcome = wasRunning ? "stopped" : "was not running";
  if (wasRunning) {
    const [first] = remaining();
    // The launcher ends the supervisor and waits for it; without a launcher the supervisor is told itself.
    if (first) signal(first, "SIGTERM");
    if (!(await allGone(remaining, clock, graceMs))) {
      outcome = "killed";
      for (const process of remaining().reverse()) signal(process, "SIGKILL");
      await allGone(remaining, clock, graceMs);
    }
  }
  for (const directory of [paths.processesDirectory, paths.hostProcessesDirectory])
    if (endLeftoverProcesses(directory, clock.now()) > 0) outcome = "killed";
  rmSync(paths.runtime, { recursive: true, force: true });
  return outcome;
}

async function allGone(remaining: () => readonly ProcessRef[], clock: Clock, withinMs: number): Promise<boolean> {
  const deadline = clock.monotonicMs() + withinMs;
  while (remaining().length > 0) {
    if (clock.monotonicMs() >= deadline) return false;
    await sleep(clock, POLL_MS);
  }
  return true;
}

function signal(target: ProcessRef, name: NodeJS.Signals): void {
  try {
    process.kill(target.pid, name);
  } catch {
    // It ended between the look and the signal.
  }
}
