import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { installDeno } from "../../test/runtimes/install-deno.ts";
import { installNode, NODE_VERSIONS } from "../../test/runtimes/install-node.ts";
import { packSpiffe } from "../../tools/pack-spiffe.ts";

/** The runtimes of the library's users: name and command. */
export const RUNTIMES: readonly (readonly [name: string, command: readonly string[]])[] = [
  ...NODE_VERSIONS.map((version) => [`Node ${version}`, [installNode(version)]] as const),
  [`Bun ${Bun.version}`, [process.execPath]],
  ["Deno", [installDeno(), "run", "--allow-all", "--node-modules-dir=manual"]],
];

/**
 * A project with the published library in it.
 * @param archive of another version, to compare with; without it, one is made of this tree
 */
export async function installPacked(directory: string, archive?: string): Promise<{ readonly bytes: number }> {
  const home = join(directory, "node_modules/@symbolon/spiffe");
  mkdirSync(home, { recursive: true });
  const packed = archive
    ? { archive: resolve(archive), bytes: Bun.file(archive).size }
    : await packSpiffe(join(directory, "packed"));
  spawnSync("tar", ["xzf", packed.archive, "-C", home, "--strip-components=1"]);
  writeFileSync(join(directory, "package.json"), '{ "type": "module" }');
  return packed;
}
