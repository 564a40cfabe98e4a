import { readFileSync } from "node:fs";
import { type CancelSignal, type Clock, sleep } from "@symbolon/spiffe/core";
import { libc } from "./libc.ts";
import { childProcesses } from "./process-stat.ts";

const WNOHANG = 1;
const SCAN_PERIOD_MS = 1_000;

/**
 * PID 1's duty: a process whose parent has ended becomes PID 1's child, and one that ended itself stays a zombie, which
 * keeps its PID namespace from ending, until somebody waits for it. The runtime waits for the children that it started
 * as soon as they end, so a zombie seen twice is nobody's.
 */
export async function reapOrphans(clock: Clock, signal: CancelSignal): Promise<void> {
  let suspects: ReadonlySet<number> = new Set();
  while (!signal.aborted) {
    const zombies = childProcesses(process.pid).filter(isZombie);
    for (const pid of zombies) if (suspects.has(pid)) libc().waitpid(pid, null, WNOHANG);
    suspects = new Set(zombies);
    await sleep(clock, SCAN_PERIOD_MS, signal);
  }
}

function isZombie(pid: number): boolean {
  try {
    return / Z [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
