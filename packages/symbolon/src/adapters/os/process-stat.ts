import { readFileSync } from "node:fs";
import { darwinParent, darwinStartTime, isDarwin } from "./darwin.ts";

/**
 * Kernel start time of a process in clock ticks since boot (macOS: microseconds), `undefined` when there is no such process.
 * With the id it names a process for ever: an id is used again, an id with its start time is not.
 */
export function processStartTicks(pid: number): number | undefined {
  if (isDarwin()) return darwinStartTime(pid);
  const stat = procFile(pid, "stat");
  if (stat === undefined) return undefined;
  // proc(5): the second field is the program's name in parentheses and may itself hold spaces and ")".
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // An ended process that nobody has waited for still has its entry.
  if (fields[0] === "Z" || fields[0] === "X") return undefined;
  const ticks = Number(fields[19]);
  return Number.isSafeInteger(ticks) ? ticks : undefined;
}

/** One field of /proc/PID/status, e.g. "SigCgt" or "NSpid". */
export function processStatusField(pid: number, field: string): string | undefined {
  const status = procFile(pid, "status");
  const line = status?.split("\n").find((candidate) => candidate.startsWith(`${field}:`));
  return line?.slice(field.length + 1).trim();
}

/** Process id of a process's parent; 0 when it is outside of this PID namespace, `undefined` when there is no such process. */
export function parentProcess(pid: number): number | undefined {
  if (isDarwin()) return darwinParent(pid);
  const parent = processStatusField(pid, "PPid");
  return parent === undefined ? undefined : Number(parent);
}

/** Whom a process acts as now, as this process's user namespace maps it; `undefined` when there is no such process. */
export interface ProcessAccount {
  /** Effective ids, which decide what the process may do. */
  readonly uid: number;
  readonly gid: number;
  readonly supplementaryGids: readonly number[];
}

export function processAccount(pid: number): ProcessAccount | undefined {
  const status = procFile(pid, "status");
  if (status === undefined) return undefined;
  const ids = (field: string): readonly number[] =>
    (new RegExp(`^${field}:(.*)$`, "m").exec(status)?.[1] ?? "").split(/\s+/).filter(Boolean).map(Number);
  // proc(5): real, effective, saved, file system.
  const [, uid] = ids("Uid");
  const [, gid] = ids("Gid");
  if (uid === undefined || gid === undefined) return undefined;
  return { uid, gid, supplementaryGids: ids("Groups") };
}

/** Control groups of a process, the text of /proc/PID/cgroup (cgroups(7)). */
export function processControlGroups(pid: number): string | undefined {
  return procFile(pid, "cgroup");
}

/** Process ids of the direct children of a process, as its own PID namespace's /proc shows them. */
export function childProcesses(pid: number): readonly number[] {
  return (procFile(pid, `task/${pid}/children`) ?? "").split(" ").filter(Boolean).map(Number);
}

/**
 * Whether the process has installed a handler for a signal. The first process of a PID namespace is deaf to every
 * other signal but SIGKILL, so that asking `sleep infinity` to end would only wait out the grace period.
 */
export function handlesSignal(pid: number, signalNumber: number): boolean {
  const caught = processStatusField(pid, "SigCgt");
  if (caught === undefined) return false;
  return (BigInt(`0x${caught}`) & (1n << BigInt(signalNumber - 1))) !== 0n;
}

function procFile(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return undefined;
  }
}
