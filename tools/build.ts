/** `npm run build`: everything in one executable, dist/symbolon, for the machine that it is built on. */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "..");

const { status } = spawnSync(
  process.execPath,
  [
    "build",
    "--compile",
    // What lies in the directory where somebody calls it must not become environment or code.
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    "--no-compile-autoload-tsconfig",
    "--no-compile-autoload-package-json",
    "--outfile=dist/symbolon",
    "packages/symbolon/bin/symbolon.ts",
  ],
  { cwd: ROOT, stdio: "inherit" },
);
process.exit(status ?? 1);
