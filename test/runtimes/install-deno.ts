import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "../..");

export const DENO_VERSION = "2.9.6";

/** Path of Deno. The platform's own package of the `deno` package: nothing is run to install it. */
export function installDeno(): string {
  const folder = join(ROOT, ".cache/deno", DENO_VERSION);
  const name = `@deno/${process.platform}-${process.arch}${process.platform === "linux" ? "-glibc" : ""}`;
  const binary = join(folder, "node_modules", name, "deno");
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", `${name}@${DENO_VERSION}`];
  const { status, stderr } = spawnSync("npm", args, { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(`cannot install ${name}@${DENO_VERSION}: ${stderr}`);
  return binary;
}
