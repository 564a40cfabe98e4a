import { readFileSync } from "node:fs";
import { darwinStartTime, isDarwin } from "./darwin.ts";

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
