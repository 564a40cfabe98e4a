import { closeSync, openSync } from "node:fs";
import { productError } from "../../core/index.ts";
import { libc } from "./libc.ts";

const CLONE_NEWPID = 0x20000000;

/**
 * Makes what `spawn` starts PID 1 of a new PID namespace and still this process's own child: its exit status is exact,
 * and no process waits in between (util-linux' `unshare --fork` turns SIGKILL into status 1). The flag is this
 * thread's alone and is taken back before any other child or thread can be made; `spawn` must be synchronous.
 */
export function inNewPidNamespace<T>(spawn: () => T): T {
  const own = openSync("/proc/thread-self/ns/pid", "r");
  try {
    if (libc().unshare(CLONE_NEWPID) !== 0)
      throw productError("ERR_CONTAINER_START", "the kernel refused a PID namespace; see user.max_pid_namespaces");
    try {
      return spawn();
    } finally {
      if (libc().setns(own, CLONE_NEWPID) !== 0)
        // biome-ignore lint/correctness/noUnsafeFinally: every later child would begin its life in the wrong namespace
        throw productError("ERR_INTERNAL_BUG", "this thread cannot return to its own PID namespace");
    }
  } finally {
    closeSync(own);
  }
}
