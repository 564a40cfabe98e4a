/**
 * From the start of a program to its first SVID and to its first answer over mutual TLS: what importing no longer costs,
 * the first use does. `first-use.ts [RUNS] [ARCHIVE]`, ARCHIVE being another version, run in turn with this one.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createX509Source } from "@symbolon/spiffe";
import { allow, createHttpsServer } from "@symbolon/spiffe/tls";
import { startAgent, startProgram } from "../../test/fakes/sdk-programs.ts";
import { machineFacts } from "../harness/machine-facts.ts";
import { summarize } from "../harness/statistics.ts";
import { installPacked, RUNTIMES } from "./packed-library.ts";

const PROGRAM = `
import { request } from "node:https";
import process from "node:process";
const empty = performance.now();
const { identity } = await import("@symbolon/spiffe");
const { allow, createHttpsAgent } = await import("@symbolon/spiffe/tls");
const imported = performance.now();
const me = await identity();
const svid = performance.now();
const agent = createHttpsAgent(me, { allow: allow.id(me.spiffeId) });
await new Promise((resolve, reject) => {
  request({ host: "127.0.0.1", port: Number(process.argv[2]), agent }, (response) => response.resume().on("end", resolve))
    .on("error", reject).end();
});
console.log(JSON.stringify([empty, imported, svid, performance.now()]));
process.exit();
`;
const COLUMNS = ["empty program", "both imported", "first SVID", "first answer over mTLS"];
const runs = Number(process.argv[2] ?? 15);

const { agent, spiffeId } = await startAgent("/bench");
const source = await createX509Source({ socket: agent.socket });
const server = createHttpsServer(
  source,
  { allow: allow.id(spiffeId) },
  (_request, response) => void response.end("ok"),
);
const { port } = await server.listen({ port: 0, host: "127.0.0.1" });
const directories: string[] = [];
try {
  const facts = machineFacts();
  console.log(`${facts.date}, ${facts.cpu}, ${facts.cores} cores, load ${facts.load.join(" ")}`);
  console.log(`milliseconds since the process began: ${COLUMNS.join(", ")}; median (lowest to highest) of ${runs}`);
  const versions = process.argv[3] ? { now: undefined, before: process.argv[3] } : { now: undefined };
  const programs: [string, string][] = [];
  for (const [version, archive] of Object.entries(versions)) {
    const directory = mkdtempSync(join(tmpdir(), "symbolon-first-use-"));
    directories.push(directory);
    await installPacked(directory, archive);
    writeFileSync(join(directory, "program.mjs"), PROGRAM);
    programs.push([version, directory]);
  }
  for (const [name, command] of RUNTIMES) {
    const times = new Map<string, number[][]>(programs.map(([version]) => [version, []]));
    for (let run = 0; run <= runs; run++) {
      for (const [version, directory] of programs) {
        const program = startProgram([...command, "program.mjs", String(port)], directory, agent.socket);
        const { output } = await program.ended;
        // The first one fills the disk's cache.
        if (run > 0) times.get(version)?.push(JSON.parse(output));
      }
    }
    for (const [version, measured] of times) {
      const columns = COLUMNS.map((_, column) => {
        const { median, lowest, highest } = summarize(measured.map((row) => row[column] ?? Number.NaN));
        return `${median.toFixed(0)} (${lowest.toFixed(0)} to ${highest.toFixed(0)})`;
      });
      console.log(`${name.padEnd(14)} ${version.padEnd(7)} ${columns.join("  ")}`);
    }
  }
} finally {
  await server[Symbol.asyncDispose]();
  await source.close();
  await agent[Symbol.asyncDispose]();
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
}
