import { join } from "node:path";

const ENTRY = join(import.meta.dir, "../../bin/symbolon.ts");

/** Bun's own files in the current directory, `.env` and `bunfig.toml`, are not ours; the second can name code to run. */
const IGNORE_CURRENT_DIRECTORY = ["--no-env-file", "--config=/dev/null"] as const;

/** Command line that runs this program again with other arguments, on the same runtime. */
export function selfCommand(...args: readonly string[]): readonly string[] {
  // One executable (tools/build.ts) is its own runtime, and was built to ignore these files.
  if (Bun.isStandaloneExecutable) return [process.execPath, ...args];
  return [process.execPath, ...IGNORE_CURRENT_DIRECTORY, ENTRY, ...args];
}
