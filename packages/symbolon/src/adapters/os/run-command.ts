import { productError } from "../../core/index.ts";

export interface CommandResult {
  /** Exit status; 128 + number after a signal. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly stdin?: string;
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/** System programs are looked up here and nowhere else: the user's PATH must not choose what runs as root of the mesh. */
export const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Runs a system program to its end, with a closed environment. */
export async function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const program = systemProgram(argv[0] ?? "");
  if (program === undefined) throw productError("ERR_PROGRAM_MISSING", `program "${argv[0]}" is not in ${SYSTEM_PATH}`);
  const child = Bun.spawn([program, ...argv.slice(1)], {
    env: { PATH: SYSTEM_PATH, LC_ALL: "C" },
    stdin: options.stdin === undefined ? "ignore" : Buffer.from(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
    timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { status, stdout, stderr };
}

/** Path of a system program. */
export function systemProgram(name: string): string | undefined {
  return Bun.which(name, { PATH: SYSTEM_PATH }) ?? undefined;
}
