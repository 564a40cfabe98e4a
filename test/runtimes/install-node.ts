import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "../..");

/** The Node releases that are tested, of those that are supported. */
export const NODE_VERSIONS = ["22.23.3", "24.21.0"] as const;

/** Path of a Node. The platform's own package of the `node` package: nothing is run to install it. */
export function installNode(version: string): string {
  const folder = join(ROOT, ".cache/node", version);
  const name = `node-${process.platform}-${process.arch}`;
  const binary = join(folder, "node_modules", name, "bin/node");
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", `${name}@${version}`];
  const { status, stderr } = spawnSync("npm", args, { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(`cannot install ${name}@${version}: ${stderr}`);
  return binary;
}
