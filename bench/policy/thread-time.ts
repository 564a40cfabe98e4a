import { dlopen, FFIType, ptr } from "bun:ffi";

const CLOCK_THREAD_CPUTIME_ID = 3;
const { symbols } = dlopen("libc.so.6", {
  clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
});
const timespec = new BigInt64Array(2);
const address = ptr(timespec);

/**
 * CPU time of this thread, so that what else the machine does is not in the figure; whoever else's caches are, still.
 * Collections of garbage that run on other threads are not in it.
 */
export function threadNanoseconds(): number {
  symbols.clock_gettime(CLOCK_THREAD_CPUTIME_ID, address);
  return Number(timespec[0]) * 1e9 + Number(timespec[1]);
}
