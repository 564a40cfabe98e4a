import { ptr } from "bun:ffi";
import { closeSync } from "node:fs";
import { productError } from "../../core/index.ts";
import { darwinPeer, isDarwin } from "./darwin.ts";
import { libc } from "./libc.ts";
import { processStartTicks } from "./process-stat.ts";

export interface PeerCredentials {
  /** In the PID namespace of this process. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** A peer that cannot be confused with a later process of the same id. */
export interface PeerProcess extends PeerCredentials {
  readonly startTicks: number;
}

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_DOMAIN = 39;
const SO_PEERPIDFD = 77;
const AF_UNIX = 1;

/**
 * Who connected to a Unix socket, as the kernel noted at connect(2). `fd`: `socket.fd` of a `Bun.listen` socket.
 * @throws ERR_PEER_CREDENTIALS, for a peer outside of this process's PID namespace as well
 */
export function peerCredentials(fd: number): PeerCredentials {
  const credentials = visiblePeer(fd);
  if (credentials) return credentials;
  throw productError("ERR_PEER_CREDENTIALS", "the peer is not visible in this process's PID namespace");
}

/**
 * The same; undefined for a peer outside of this process's PID namespace: it has no process id here.
 * @throws ERR_PEER_CREDENTIALS
 */
function visiblePeer(fd: number): PeerCredentials | undefined {
  if (isDarwin()) return darwinCredentials(fd);
  // SO_PEERCRED "succeeds" on every other kind of socket, with process 0 and overflow ids.
  if (intOption(fd, SO_DOMAIN) !== AF_UNIX)
    throw productError("ERR_PEER_CREDENTIALS", "peer credentials exist only on a Unix socket");
  const credentials = new Int32Array(3);
  readOption(fd, SO_PEERCRED, credentials);
  const [pid = 0, uid = 0, gid = 0] = credentials;
  return pid > 0 ? { pid, uid: uid >>> 0, gid: gid >>> 0 } : undefined;
}

/**
 * Credentials with the peer's start time. The process id is resolved before and after: a process that ended in
 * between, its id given to another, is refused.
 */
export function peerProcess(fd: number): PeerProcess {
  return startedPeer(fd, peerCredentials(fd));
}

/**
 * The same; undefined for a peer outside of this process's PID namespace.
 * @throws ERR_PEER_CREDENTIALS
 */
export function visiblePeerProcess(fd: number): PeerProcess | undefined {
  const credentials = visiblePeer(fd);
  return credentials && startedPeer(fd, credentials);
}

function startedPeer(fd: number, credentials: PeerCredentials): PeerProcess {
  const startTicks = processStartTicks(credentials.pid);
  if (startTicks === undefined || !isPeerAlive(fd))
    throw productError("ERR_PEER_CREDENTIALS", `process ${credentials.pid} that connected has ended`);
  return { ...credentials, startTicks };
}

function darwinCredentials(fd: number): PeerCredentials {
  const peer = darwinPeer(fd);
  if (!peer || peer.pid <= 0)
    throw productError("ERR_PEER_CREDENTIALS", "the kernel does not say who connected to the Unix socket");
  return peer;
}

/** Process descriptor of the peer (Linux 6.5); the caller closes it. `undefined` where the kernel has none. */
export function peerPidFd(fd: number): number | undefined {
  if (isDarwin()) return undefined;
  const value = new Int32Array(1);
  const size = new Uint32Array([4]);
  if (libc().getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, ptr(value), ptr(size)) !== 0) return undefined;
  return value[0];
}

/** The process descriptor is tied to the process, not to its id; a readable one belongs to a process that has ended. */
function isPeerAlive(fd: number): boolean {
  const pidFd = peerPidFd(fd);
  // Before Linux 6.5 the caller's comparison of start times is what remains.
  if (pidFd === undefined) return true;
  try {
    return !isReadable(pidFd);
  } finally {
    closeSync(pidFd);
  }
}

/** Something can be read: of a process descriptor, that its process has ended. */
export function isReadable(fd: number): boolean {
  const POLLIN = 1;
  const request = new Int32Array([fd, POLLIN]);
  return libc().poll(ptr(request), 1n, 0) > 0;
}

function intOption(fd: number, option: number): number {
  const value = new Int32Array(1);
  readOption(fd, option, value);
  return value[0] ?? -1;
}

function readOption(fd: number, option: number, into: Int32Array): void {
  const size = new Uint32Array([into.byteLength]);
  const failed = libc().getsockopt(fd, SOL_SOCKET, option, ptr(into), ptr(size)) !== 0;
  if (failed || size[0] !== into.byteLength)
    throw productError("ERR_PEER_CREDENTIALS", `the kernel did not answer socket option ${option} of the connection`);
}
