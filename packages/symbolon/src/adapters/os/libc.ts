import { dlopen } from "bun:ffi";
import { productError } from "../../core/index.ts";

const FUNCTIONS = {
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  getrlimit: { args: ["i32", "ptr"], returns: "i32" },
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  pipe2: { args: ["ptr", "i32"], returns: "i32" },
  poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
  prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
  setns: { args: ["i32", "i32"], returns: "i32" },
  setrlimit: { args: ["i32", "ptr"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  unshare: { args: ["i32"], returns: "i32" },
  waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" },
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
} as const;

type Libc = ReturnType<typeof dlopen<typeof FUNCTIONS>>["symbols"];

/** glibc's name, then musl's. */
const LIBRARY_NAMES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1", "libc.so"];

let loaded: Libc | undefined;

/** The C library, opened at the first call: nothing happens at import. */
export function libc(): Libc {
  if (loaded) return loaded;
  let cause: unknown;
  for (const name of LIBRARY_NAMES) {
    try {
      loaded = dlopen(name, FUNCTIONS).symbols;
      return loaded;
    } catch (error) {
      cause = error;
    }
  }
  throw productError("ERR_PROGRAM_MISSING", `no C library could be opened (tried ${LIBRARY_NAMES.join(", ")})`, {
    cause,
  });
}
