import { ptr } from "bun:ffi";
import { productError } from "../../core/index.ts";
import { libc } from "./libc.ts";

const SOL_IP = 0;
const IP_TRANSPARENT = 19;

/**
 * Lets a listener accept connections to addresses that this machine does not have; an accepted socket's local address
 * is then the original destination. Needs CAP_NET_ADMIN in the user namespace that owns the network namespace.
 * `fd`: `fd` of the `Bun.listen` listener.
 */
export function makeTransparent(fd: number): void {
  const on = new Int32Array([1]);
  if (libc().setsockopt(fd, SOL_IP, IP_TRANSPARENT, ptr(on), 4) !== 0 || !isTransparent(fd))
    throw productError(
      "ERR_SOCKET_OPTION",
      "the kernel refused IP_TRANSPARENT on a listener; the proxy must run as root of the mesh's user namespace",
    );
}

export function isTransparent(fd: number): boolean {
  const value = new Int32Array(1);
  const size = new Uint32Array([4]);
  return libc().getsockopt(fd, SOL_IP, IP_TRANSPARENT, ptr(value), ptr(size)) === 0 && value[0] === 1;
}
