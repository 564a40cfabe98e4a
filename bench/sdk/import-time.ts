/** How long `import "@symbolon/spiffe/..."` takes on each runtime, from the archive that is published: `import-time.ts [RUNS]`. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installDeno } from "../../test/runtimes/install-deno.ts";
import { installNode, NODE_VERSIONS } from "../../test/runtimes/install-node.ts";
import { packSpiffe } from "../../tools/pack-spiffe.ts";
import { machineFacts } from "../harness/machine-facts.ts";
import { summarize } from "../harness/statistics.ts";

const ENTRIES = ["@symbolon/spiffe", "@symbolon/spiffe/id", "@symbolon/spiffe/source", "@symbolon/spiffe/tls"];
const runs = Number(process.argv[2] ?? 15);
const RUNTIMES: readonly (readonly [string, readonly string[]])[] = [
  ...NODE_VERSIONS.map((version) => [`Node ${version}`, [installNode(version)]] as const),
  [`Bun ${Bun.version}`, [process.execPath]],
  ["Deno", [installDeno(), "run", "--allow-all", "--node-modules-dir=manual"]],
];

const directory = mkdtempSync(join(tmpdir(), "symbolon-import-"));
try {
  const { bytes, archive } = packSpiffe(join(directory, "packed"));
  const facts = machineFacts();
  console.log(`${facts.date}, ${facts.cpu}, ${facts.cores} cores, load ${facts.load.join(" ")}`);
  console.log(`${bytes} bytes packed; milliseconds of import, median (lowest to highest) of ${runs}`);
  const home = join(directory, "node_modules/@symbolon/spiffe");
  mkdirSync(home, { recursive: true });
  spawnSync("tar", ["xzf", archive, "-C", home, "--strip-components=1"]);
  writeFileSync(join(directory, "package.json"), '{ "type": "module" }');
  for (const entry of ENTRIES) {
    const program = join(directory, `${entry.replaceAll(/\W/g, "-")}.mjs`);
    writeFileSync(
      program,
      `const start = performance.now(); await import("${entry}"); console.log(performance.now() - start);`,
    );
    for (const [name, [command = "", ...args]] of RUNTIMES) {
      // The first one fills the disk's cache.
      const times = Array.from({ length: runs + 1 }, () =>
        Number(spawnSync(command, [...args, program], { cwd: directory, encoding: "utf8" }).stdout),
      ).slice(1);
      const { median, lowest, highest } = summarize(times);
      const range = `${lowest.toFixed(1)} to ${highest.toFixed(1)}`;
      console.log(`${entry.padEnd(26)} ${name.padEnd(14)} ${median.toFixed(1)} (${range})`);
    }
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
