import { closeSync } from "node:fs";
import type { WorkloadPeer } from "../../agent/index.ts";
import { isReadable, peerPidFd, visiblePeerProcess } from "./peer-credentials.ts";
import { processStartTicks } from "./process-stat.ts";

/** A peer whose process stays known for as long as the connection lasts, whatever happens to its process id. */
export interface PinnedPeer extends WorkloadPeer {
  /** Gives the process descriptor back; the peer counts as ended from then on. */
  close(): void;
}

/**
 * Pins the process at the other end of a Unix socket by its process descriptor (Linux 6.5), elsewhere by its start time.
 * @returns undefined for a process outside of this one's PID namespace
 * @throws ERR_PEER_CREDENTIALS
 */
export function pinPeer(fd: number): PinnedPeer | undefined {
  const process = visiblePeerProcess(fd);
  if (!process) return undefined;
  const { pid, uid, gid, startTicks } = process;
  const pidFd = peerPidFd(fd);
  let ended = false;
  let closed = false;
  return {
    pid,
    uid,
    gid,
    startTicks,
    isAlive() {
      if (!ended) ended = (pidFd !== undefined && isReadable(pidFd)) || processStartTicks(pid) !== startTicks;
      return !ended;
    },
    close() {
      ended = true;
      if (pidFd !== undefined && !closed) closeSync(pidFd);
      closed = true;
    },
  };
}
