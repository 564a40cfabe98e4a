/** How long `import "@symbolon/spiffe/..."` takes on each runtime, from the archive that is published: `import-time.ts [RUNS] [ARCHIVE]`. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { machineFacts } from "../harness/machine-facts.ts";
import { summarize } from "../harness/statistics.ts";
import { installPacked, RUNTIMES } from "./packed-library.ts";

/** The first is a package without a line in it: what any import costs. */
const ENTRIES = ["empty", "@symbolon/spiffe", "@symbolon/spiffe/id", "@symbolon/spiffe/source", "@symbolon/spiffe/tls"];
const runs = Number(process.argv[2] ?? 15);

const directory = mkdtempSync(join(tmpdir(), "symbolon-import-"));
try {
  const { bytes } = await installPacked(directory, process.argv[3]);
  mkdirSync(join(directory, "node_modules/empty"));
  writeFileSync(join(directory, "node_modules/empty/package.json"), '{ "type": "module", "exports": "./empty.js" }');
  writeFileSync(join(directory, "node_modules/empty/empty.js"), "");
  const facts = machineFacts();
  console.log(`${facts.date}, ${facts.cpu}, ${facts.cores} cores, load ${facts.load.join(" ")}`);
  console.log(
    `${bytes} bytes packed; milliseconds of import, and of its CPU time on all threads, median (lowest to highest) of ${runs}`,
  );
  for (const entry of ENTRIES) {
    const program = join(directory, `${entry.replaceAll(/\W/g, "-")}.mjs`);
    writeFileSync(
      program,
      `import process from "node:process";
       const [start, cpu] = [performance.now(), process.cpuUsage()];
       await import("${entry}");
       const { user, system } = process.cpuUsage(cpu);
       console.log(JSON.stringify([performance.now() - start, (user + system) / 1000]));`,
    );
    for (const [name, [command = "", ...args]] of RUNTIMES) {
      // The first one fills the disk's cache.
      const times = Array.from({ length: runs + 1 }, () =>
        JSON.parse(spawnSync(command, [...args, program], { cwd: directory, encoding: "utf8" }).stdout),
      ).slice(1) as [number, number][];
      const [wall, cpu] = [0, 1].map((of) => {
        const { median, lowest, highest } = summarize(times.map((time) => time[of] ?? Number.NaN));
        return `${median.toFixed(1)} (${lowest.toFixed(1)} to ${highest.toFixed(1)})`;
      });
      console.log(`${entry.padEnd(26)} ${name.padEnd(14)} ${wall}; of CPU ${cpu}`);
    }
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
