import { join } from "node:path";

const ENTRY = join(import.meta.dir, "../../bin/symbolon.ts");

/** Command line that runs this program again with other arguments, on the same runtime. */
export function selfCommand(...args: readonly string[]): readonly string[] {
  return [process.execPath, ENTRY, ...args];
}
