import { ptr } from "bun:ffi";
import { productError } from "../../core/index.ts";
import { isDarwin, libSystem } from "./darwin.ts";
import { libc } from "./libc.ts";

const O_CLOEXEC = 0o2000000;

/**
 * A real pipe: what Bun gives a child as "pipe" is a socket, on which opening /dev/stdout fails (ENXIO), and programs
 * do that.
 */
export function openPipe(): { readonly read: number; readonly write: number } {
  const ends = new Int32Array(2);
  // On macOS a child gets none but the descriptors that it is to have (POSIX_SPAWN_CLOEXEC_DEFAULT).
  const failed = isDarwin() ? libSystem().pipe(ptr(ends)) : libc().pipe2(ptr(ends), O_CLOEXEC);
  if (failed !== 0) throw productError("ERR_CONTAINER_START", "no pipe could be made: too many open files");
  return { read: ends[0] ?? -1, write: ends[1] ?? -1 };
}
