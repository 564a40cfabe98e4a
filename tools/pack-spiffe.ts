/**
 * `npm run pack:spiffe`: dist/spiffe-package, what is published as @symbolon/spiffe, and its archive next to it. Compiled
 * sources and types alone: the condition by which Bun takes sources in this repository leads nowhere in an archive.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "..");
const SOURCE = join(ROOT, "packages/spiffe");

export interface PackedPackage {
  /** Path of the archive. */
  readonly archive: string;
  readonly bytes: number;
  readonly unpackedBytes: number;
  readonly files: number;
}

/** @param into a directory that is replaced */
export function packSpiffe(into: string): PackedPackage {
  const folder = join(into, "package");
  rmSync(into, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const dist = join(folder, "dist");
  run(join(ROOT, "node_modules/.bin/tsc"), ["-p", join(SOURCE, "tsconfig.build.json"), "--outDir", dist], ROOT);
  bundle(dist);
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(publishedManifest(), undefined, 2)}\n`);
  cpSync(join(SOURCE, "README.md"), join(folder, "README.md"));
  cpSync(join(ROOT, "LICENSE"), join(folder, "LICENSE"));
  const [packed] = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", into], folder));
  return {
    archive: join(into, packed.filename),
    bytes: packed.size,
    unpackedBytes: packed.unpackedSize,
    files: packed.entryCount,
  };
}

/** One file for each entry, and what entries share in a few more: opening a hundred small files takes longer than running them. */
function bundle(dist: string): void {
  const entries = Object.values(manifest().exports).map(({ bun = "" }) => join(SOURCE, bun));
  const options = ["--splitting", "--format=esm", "--target=node", "--packages=external", "--minify-whitespace"];
  run(process.execPath, ["build", ...entries, ...options, `--root=${join(SOURCE, "src")}`, `--outdir=${dist}`], ROOT);
}

interface Manifest extends Readonly<Record<string, unknown>> {
  readonly exports: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

function manifest(): Manifest {
  return JSON.parse(readFileSync(join(SOURCE, "package.json"), "utf8"));
}

function publishedManifest(): Record<string, unknown> {
  const { devDependencies: _, exports, ...rest } = manifest();
  const entries = Object.entries(exports).map(([entry, conditions]) => {
    const { bun: _, ...published } = conditions;
    return [entry, published];
  });
  return { ...rest, exports: Object.fromEntries(entries) };
}

function run(program: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: "utf8" });
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(" ")} failed: ${stderr}${stdout}`);
}

if (import.meta.main) console.log(packSpiffe(join(ROOT, "dist/spiffe-package")));
