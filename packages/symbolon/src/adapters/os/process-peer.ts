import type { WorkloadPeer } from "../../agent/index.ts";
import { productError } from "../../core/index.ts";
import { processAccount, processStartTicks } from "./process-stat.ts";

/** A process as if it had just connected. @throws ERR_PROCESS_NOT_FOUND */
export function peerOfProcess(pid: number): WorkloadPeer {
  const account = processAccount(pid);
  const startTicks = processStartTicks(pid);
  if (account === undefined || startTicks === undefined)
    throw productError(
      "ERR_PROCESS_NOT_FOUND",
      `there is no process ${pid}, or user ${process.geteuid?.()} may not see it`,
    );
  return {
    pid,
    uid: account.uid,
    gid: account.gid,
    startTicks,
    isAlive: () => processStartTicks(pid) === startTicks,
  };
}
