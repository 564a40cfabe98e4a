import { dlopen, ptr } from "bun:ffi";

/**
 * What macOS calls differently. Nothing here is called, and nothing opened, on another system; numbers and structures are
 * those of <sys/un.h>, <sys/ucred.h>, <sys/ptrace.h> and <libproc.h>.
 */
const FUNCTIONS = {
  getrlimit: { args: ["i32", "ptr"], returns: "i32" },
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  pipe: { args: ["ptr"], returns: "i32" },
  proc_pidinfo: { args: ["i32", "i32", "u64", "ptr", "i32"], returns: "i32" },
  ptrace: { args: ["i32", "i32", "ptr", "i32"], returns: "i32" },
  setrlimit: { args: ["i32", "ptr"], returns: "i32" },
} as const;

type LibSystem = ReturnType<typeof dlopen<typeof FUNCTIONS>>["symbols"];

let loaded: LibSystem | undefined;

export function libSystem(): LibSystem {
  loaded ??= dlopen("libSystem.B.dylib", FUNCTIONS).symbols;
  return loaded;
}

export function isDarwin(): boolean {
  return process.platform === "darwin";
}

const PROC_PIDTBSDINFO = 3;
const BSD_INFO_BYTES = 136;
const STATUS_OFFSET = 4;
const PARENT_OFFSET = 16;
const START_SECONDS_OFFSET = 120;
const START_MICROSECONDS_OFFSET = 128;
const SZOMB = 5;

/** Start of a process in microseconds; undefined when there is none, or one that has ended. */
export function darwinStartTime(pid: number): number | undefined {
  const view = processInfo(pid);
  if (!view || view.getUint32(STATUS_OFFSET, true) === SZOMB) return undefined;
  const seconds = view.getBigUint64(START_SECONDS_OFFSET, true);
  return Number(seconds * 1_000_000n + view.getBigUint64(START_MICROSECONDS_OFFSET, true));
}

/** Undefined when there is no such process. */
export function darwinParent(pid: number): number | undefined {
  return processInfo(pid)?.getUint32(PARENT_OFFSET, true);
}

function processInfo(pid: number): DataView | undefined {
  const info = new Uint8Array(BSD_INFO_BYTES);
  const bytes = libSystem().proc_pidinfo(pid, PROC_PIDTBSDINFO, 0n, ptr(info), BSD_INFO_BYTES);
  return bytes === BSD_INFO_BYTES ? new DataView(info.buffer) : undefined;
}

const SOL_LOCAL = 0;
const LOCAL_PEERCRED = 1;
const LOCAL_PEERPID = 2;
const XUCRED_WORDS = 19;

/** Who connected to a Unix socket; undefined when the kernel does not say. */
export function darwinPeer(
  fd: number,
): { readonly pid: number; readonly uid: number; readonly gid: number } | undefined {
  const pid = new Int32Array(1);
  // struct xucred: version, uid, count of groups (a short), 16 groups.
  const credentials = new Uint32Array(XUCRED_WORDS);
  if (!option(fd, LOCAL_PEERPID, pid) || !option(fd, LOCAL_PEERCRED, credentials)) return undefined;
  return { pid: pid[0] ?? 0, uid: credentials[1] ?? 0, gid: credentials[3] ?? 0 };
}

function option(fd: number, name: number, into: Int32Array | Uint32Array): boolean {
  const size = new Uint32Array([into.byteLength]);
  return libSystem().getsockopt(fd, SOL_LOCAL, name, ptr(into), ptr(size)) === 0 && size[0] === into.byteLength;
}

const PT_DENY_ATTACH = 31;

/** No debugger may attach to this process from now on. */
export function darwinDenyAttach(): boolean {
  return libSystem().ptrace(PT_DENY_ATTACH, 0, null, 0) === 0;
}
