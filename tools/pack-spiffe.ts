/**
 * `npm run pack:spiffe`: dist/spiffe-package, what is published as @symbolon/spiffe, and its archive next to it. Compiled
 * sources and types alone: the condition by which Bun takes sources in this repository leads nowhere in an archive.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "..");
const SOURCE = join(ROOT, "packages/spiffe");
const SOURCES = join(SOURCE, "src");

export interface PackedPackage {
  /** Path of the archive. */
  readonly archive: string;
  readonly bytes: number;
  readonly unpackedBytes: number;
  readonly files: number;
}

/** @param into a directory that is replaced */
export async function packSpiffe(into: string): Promise<PackedPackage> {
  const folder = join(into, "package");
  rmSync(into, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const dist = join(folder, "dist");
  run(join(ROOT, "node_modules/.bin/tsc"), ["-p", join(SOURCE, "tsconfig.build.json"), "--outDir", dist], ROOT);
  await bundle(dist);
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

/**
 * What becomes one file. A Node program pays a millisecond for each file that it loads and as much for every 30,000
 * characters: so neither a file for each folder, nor one file for those who only want an ID.
 */
const SHARED_FILES: Readonly<Record<string, readonly string[]>> = {
  base: ["core", "id", "runtime"],
  library: ["x509", "jwt", "bundle", "svid", "workload-api", "source", "tls"],
};

/** The JavaScript of `dist`: the shared files, and one for each entry, with the names that it exports or with its own code. */
async function bundle(dist: string): Promise<void> {
  const generated = join(dist, "..", "generated");
  mkdirSync(generated, { recursive: true });
  for (const [name, folders] of Object.entries(SHARED_FILES)) {
    const entry = join(generated, `${name}.ts`);
    writeFileSync(entry, folders.map((folder) => `export * from "${sourceOf(folder)}";\n`).join(""));
    await build(entry, folders, dist, `${name}.js`);
  }
  for (const { bun = "" } of Object.values(manifest().exports)) {
    const source = join(SOURCE, bun);
    const folder = relative(SOURCES, dirname(source));
    const output = relative(SOURCES, source).replace(/\.ts$/, ".js");
    const shared = sharedFileOf(folder);
    if (!shared) await build(source, [folder], dist, output);
    else {
      const names = Object.keys(await import(source)).join(",");
      writeFileSync(join(dist, output), `export{${names}}from"../${shared}.js";\n`);
    }
  }
  rmSync(generated, { recursive: true });
}

/** @param folders whose sources go into this file; what it imports of others stays an import */
async function build(entry: string, folders: readonly string[], dist: string, output: string): Promise<void> {
  const up = output.includes("/") ? "../" : "./";
  const { success, logs } = await Bun.build({
    entrypoints: [entry],
    outdir: dist,
    naming: output,
    target: "node",
    packages: "external",
    minify: { whitespace: true },
    plugins: [
      {
        name: "shared files",
        setup(builder) {
          builder.onResolve({ filter: /\/index\.ts$/ }, ({ path, importer }) => {
            const folder = relative(SOURCES, dirname(resolve(dirname(importer), path)));
            if (path === entry || folders.includes(folder)) return undefined;
            return { path: `${up}${sharedFileOf(folder) ?? `${folder}/index`}.js`, external: true };
          });
        },
      },
    ],
  });
  if (!success) throw new Error(`cannot bundle ${entry}: ${logs.join("\n")}`);
}

function sharedFileOf(folder: string): string | undefined {
  return Object.entries(SHARED_FILES).find(([, folders]) => folders.includes(folder))?.[0];
}

function sourceOf(folder: string): string {
  return join(SOURCES, folder, "index.ts");
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

if (import.meta.main) console.log(await packSpiffe(join(ROOT, "dist/spiffe-package")));
