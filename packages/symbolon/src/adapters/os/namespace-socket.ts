import { ptr } from "bun:ffi";
import { closeSync, openSync } from "node:fs";
import { productError } from "../../core/index.ts";
import { libc } from "./libc.ts";

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const POLLOUT = 4;
const CLONE_NEWNET = 0x40000000;

/**
 * A TCP connection that begins in another network namespace: a socket stays in the one it was made in, so this thread
 * is there only for the two calls in between. Non-blocking: the connection may still be under way, or have failed.
 */
export function connectInNamespace(namespaceFile: string, address: string, port: number): number {
  const home = openSync("/proc/thread-self/ns/net", "r");
  try {
    const there = openSync(namespaceFile, "r");
    try {
      enter(there);
      try {
        const fd = libc().socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) throw productError("ERR_NETWORK_SETUP", "no socket could be made: too many open files");
        libc().connect(fd, ptr(socketAddress(address, port)), 16);
        return fd;
      } finally {
        enter(home);
      }
    } finally {
      closeSync(there);
    }
  } finally {
    closeSync(home);
  }
}

export type ConnectionState = "connecting" | "connected" | "refused";

/** How far a non-blocking connection has come. */
export function connectionState(fd: number): ConnectionState {
  // struct pollfd: descriptor, then events (low half) and revents (high half) in one word.
  const request = new Int32Array([fd, POLLOUT]);
  if (libc().poll(ptr(request), 1n, 0) <= 0) return "connecting";
  const failure = new Int32Array(1);
  const size = new Uint32Array([4]);
  const failed = libc().getsockopt(fd, SOL_SOCKET, SO_ERROR, ptr(failure), ptr(size)) !== 0;
  return failed || failure[0] !== 0 ? "refused" : "connected";
}

function enter(namespace: number): void {
  if (libc().setns(namespace, CLONE_NEWNET) !== 0)
    throw productError("ERR_NETWORK_SETUP", "the kernel refused to enter a pod's network namespace");
}

/** struct sockaddr_in: family in host order, port and address in network order. */
function socketAddress(address: string, port: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  bytes.set(address.split(".").map(Number), 4);
  return bytes;
}
