// Finds the Bun binary: plain JavaScript, because Node 20 runs this before any TypeScript can run.
import { execFileSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);
// When npm blocks install scripts, bun/bin/bun.exe stays a stub of a few hundred bytes.
const SMALLEST_REAL_BINARY_BYTES = 1 << 20;

/** @returns {string} path of a Bun >= 1.4 */
export function findBun() {
  const tried = [];
  for (const [place, find] of Object.entries(PLACES)) {
    const path = find();
    if (path && isRealBinary(path)) return path;
    tried.push(`${place}: ${path ?? "not there"}`);
  }
  throw new Error(
    `no Bun runtime found; looked at\n  ${tried.join("\n  ")}\nrun "npm ci" again, or set SYMBOLON_BUN to a Bun 1.4 binary`,
  );
}

const PLACES = {
  "the SYMBOLON_BUN environment variable": () => process.env.SYMBOLON_BUN || undefined,
  "the bun npm package": () => packageFile("bun", "bin/bun.exe"),
  "Bun's platform package": () => {
    for (const name of platformPackages()) {
      const path = packageFile(name, "bin/bun");
      if (path && existsSync(path)) return path;
    }
    return undefined;
  },
  "bun in PATH": () => {
    for (const folder of (process.env.PATH ?? "").split(":")) {
      const path = join(folder, "bun");
      if (existsSync(path) && isRealBinary(path) && isRecent(path)) return path;
    }
    return undefined;
  },
};

function platformPackages() {
  const arch = process.arch === "arm64" ? "aarch64" : process.arch;
  const base = `@oven/bun-${process.platform}-${arch}`;
  return [base, `${base}-musl`, `${base}-baseline`];
}

function packageFile(name, file) {
  try {
    return join(dirname(require.resolve(`${name}/package.json`)), file);
  } catch {
    return undefined;
  }
}

function isRealBinary(path) {
  try {
    return statSync(path).size > SMALLEST_REAL_BINARY_BYTES;
  } catch {
    return false;
  }
}

function isRecent(path) {
  try {
    const [major, minor] = execFileSync(path, ["--version"], { encoding: "utf8" }).split(".").map(Number);
    return major > 1 || (major === 1 && minor >= 4);
  } catch {
    return false;
  }
}
