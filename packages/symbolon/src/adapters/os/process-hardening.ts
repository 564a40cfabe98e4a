import { ptr } from "bun:ffi";
import { productError } from "../../core/index.ts";
import { darwinDenyAttach, isDarwin, libSystem } from "./darwin.ts";
import { libc } from "./libc.ts";

const PR_GET_DUMPABLE = 3;
const PR_SET_DUMPABLE = 4;
const RLIMIT_CORE = 4;

/** Open a debugger or run foreign code in a Bun process (security-and-reliability.md SR-04). */
const FORBIDDEN_VARIABLES = [
  "BUN_INSPECT",
  "BUN_INSPECT_CONNECT_TO",
  "BUN_INSPECT_NOTIFY",
  "BUN_OPTIONS",
  "BUN_BE_BUN",
];

/**
 * Closes a process that will hold keys: no core file, no ptrace and no /proc/PID/mem for others of the same user,
 * no debugger. To be called before any key exists; each step is read back, and a step that did not take effect throws.
 */
export function hardenProcess(environment: Readonly<Record<string, string | undefined>>): void {
  refuseDebugEnvironment(environment);
  forbidCoreFiles();
  forbidAttaching();
  ignoreDebugSignals();
}

export function refuseDebugEnvironment(environment: Readonly<Record<string, string | undefined>>): void {
  const set = FORBIDDEN_VARIABLES.filter((name) => environment[name] !== undefined && environment[name] !== "");
  if (set.length > 0)
    throw productError(
      "ERR_PROCESS_HARDENING",
      `environment variable ${set.join(", ")} could open this process's memory; unset it`,
    );
}

export function isDumpable(): boolean {
  return libc().prctl(PR_GET_DUMPABLE, 0n, 0n, 0n, 0n) !== 0;
}

/** Soft and hard limit of a core file in bytes. */
export function coreFileLimits(): { readonly soft: bigint; readonly hard: bigint } {
  const limits = new BigUint64Array(2);
  if (resourceLimits().getrlimit(RLIMIT_CORE, ptr(limits)) !== 0)
    throw productError("ERR_PROCESS_HARDENING", "the core file limit of this process cannot be read");
  return { soft: limits[0] ?? 0n, hard: limits[1] ?? 0n };
}

function resourceLimits() {
  return isDarwin() ? libSystem() : libc();
}

function forbidCoreFiles(): void {
  resourceLimits().setrlimit(RLIMIT_CORE, ptr(new BigUint64Array(2)));
  const { soft, hard } = coreFileLimits();
  if (soft !== 0n || hard !== 0n)
    throw productError("ERR_PROCESS_HARDENING", `the core file limit stayed at ${soft}/${hard} instead of 0/0`);
}

/** exec(2) resets this flag, so the process itself has to do it (SR-03). */
function forbidAttaching(): void {
  if (isDarwin()) {
    if (darwinDenyAttach()) return;
    throw productError("ERR_PROCESS_HARDENING", "this process stayed open to debuggers (PT_DENY_ATTACH failed)");
  }
  libc().prctl(PR_SET_DUMPABLE, 0n, 0n, 0n, 0n);
  if (isDumpable())
    throw productError(
      "ERR_PROCESS_HARDENING",
      "this process stayed open to debuggers (PR_SET_DUMPABLE had no effect)",
    );
}

/** Without a handler Bun ends on SIGUSR1; Node would open a debugger. */
function ignoreDebugSignals(): void {
  for (const signal of ["SIGUSR1", "SIGUSR2"] as const) {
    process.removeListener(signal, ignore);
    process.on(signal, ignore);
  }
}

function ignore(): void {}
