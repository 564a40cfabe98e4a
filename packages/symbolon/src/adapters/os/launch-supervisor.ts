import { readdirSync } from "node:fs";
import { childProcesses, processStatusField } from "./process-stat.ts";

/**
 * Command line that starts the supervisor as PID 1 of new user, network, mount and PID namespaces, as an ordinary user
 * and as root alike. The process that is started waits for it and ends with its status; killed, it takes the
 * supervisor along, and with PID 1 the kernel ends every process of the mesh.
 */
export function supervisorCommand(argv: readonly string[]): readonly string[] {
  return ["unshare", ...SUPERVISOR_NAMESPACES, "--", ...argv];
}

export const SUPERVISOR_NAMESPACES = [
  "--user",
  "--map-root-user",
  "--net",
  "--mount",
  "--propagation=private",
  "--pid",
  "--fork",
  "--kill-child=SIGKILL",
  "--mount-proc",
] as const;

/** Host process id of the supervisor, a child of the `unshare` that `supervisorCommand` started; `undefined` until it exists. */
export function hostPidOfSupervisor(unsharePid: number): number | undefined {
  return childProcesses(unsharePid).find((pid) => innerPids(pid).at(-1) === 1);
}

/**
 * Host process id of a process that the mesh knows as `meshPid`. Two meshes use the same inner ids: only descendants of
 * this mesh's supervisor count.
 */
export function hostPidOf(supervisorHostPid: number, meshPid: number): number | undefined {
  const depth = innerPids(supervisorHostPid).length - 1;
  if (depth < 1) return undefined;
  if (meshPid === 1) return supervisorHostPid;
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (Number.isInteger(pid) && innerPids(pid)[depth] === meshPid && descendsFrom(pid, supervisorHostPid)) return pid;
  }
  return undefined;
}

/** Ids of a process in every PID namespace from ours inwards: the first is the one we know it by. */
function innerPids(pid: number): readonly number[] {
  return (processStatusField(pid, "NSpid") ?? "").split(/\s+/).filter(Boolean).map(Number);
}

function descendsFrom(pid: number, ancestor: number): boolean {
  for (let current = pid; current > 1; ) {
    current = Number(processStatusField(current, "PPid") ?? 0);
    if (current === ancestor) return true;
  }
  return false;
}
