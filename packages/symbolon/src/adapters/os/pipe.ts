import { ptr } from "bun:ffi";
import { productError } from "../../core/index.ts";
import { libc } from "./libc.ts";

const O_CLOEXEC = 0o2000000;

/**
 * A real pipe: what Bun gives a child as "pipe" is a socket, on which opening /dev/stdout fails (ENXIO), and programs
 * do that.
 */
export function openPipe(): { readonly read: number; readonly write: number } {
  const ends = new Int32Array(2);
  if (libc().pipe2(ptr(ends), O_CLOEXEC) !== 0)
    throw productError("ERR_CONTAINER_START", "no pipe could be made: too many open files");
  return { read: ends[0] ?? -1, write: ends[1] ?? -1 };
}
