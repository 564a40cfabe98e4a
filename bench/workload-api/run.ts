/**
 * How soon a workload has its first SVID, what 1,000 idle streams cost, and how long a rotation takes to reach them all.
 * `run.ts [STREAMS] [ROTATIONS]`; see ../README.md.
 */
import { appendFileSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { sleep, systemClock } from "@symbolon/spiffe/core";
import { createChildPrograms } from "../harness/child-programs.ts";
import { machineFacts } from "../harness/machine-facts.ts";
import { cpuSeconds, residentMegabytes } from "../harness/process-usage.ts";
import { summarize } from "../harness/statistics.ts";

/** The endpoint gives one process 256 connections. */
const STREAMS_OF_ONE_PROCESS = 200;
const FIRST_CONNECTIONS = 200;
/** Long enough for the runtime to give memory back. */
const IDLE_MS = 10_000;
const UNSEEN_PROGRAMS = 5;
const streams = Number(process.argv[2] ?? 1000);
const rotations = Number(process.argv[3] ?? 5);

const directory = mkdtempSync(join(tmpdir(), "symbolon-workload-api-"));
const children = createChildPrograms();
try {
  const facts = machineFacts();
  console.log(`${facts.date}, ${facts.cpu}, ${facts.cores} cores, load ${facts.load.join(" ")}`);
  const agent = program("agent.ts", directory);
  await agent.line();
  const socket = join(directory, "workload.sock");
  console.log(`RSS of the agent before any connection: ${megabytes(agent.pid)}`);

  const first = program("clients.ts", socket, "first", String(FIRST_CONNECTIONS));
  const [cold = 0, ...warm] = JSON.parse(await first.line()) as number[];
  const { median, highest } = summarize(warm);
  console.log(`first SVID, of the first workload with that program: ${cold.toFixed(1)} ms`);
  console.log(
    `first SVID, ${warm.length} more connections: p50 ${median.toFixed(1)} ms, p99 ${percentile(warm, 0.99).toFixed(1)} ms, highest ${highest.toFixed(1)} ms`,
  );

  console.log(`first SVID of programs never seen (${megabytesOfProgram()} each): ${await unseen(socket)}`);
  const pinning = join(directory, "pinning");
  mkdirSync(pinning);
  const pinningAgent = program("agent.ts", pinning, "digest");
  await pinningAgent.line();
  const pinningSocket = join(pinning, "workload.sock");
  console.log(`the same where an entry depends on the digest: ${await unseen(pinningSocket)}`);

  const before = { at: Date.now(), cpu: cpuSeconds([agent.pid]) };
  const clients = Array.from({ length: streams / STREAMS_OF_ONE_PROCESS }, () =>
    program("clients.ts", socket, "idle", String(STREAMS_OF_ONE_PROCESS)),
  );
  await lastOf(clients);
  console.log(
    `${streams} streams, with the start of their processes: ${Date.now() - before.at} ms, ${(cpuSeconds([agent.pid]) - before.cpu).toFixed(2)} CPU s`,
  );
  console.log(`RSS with ${streams} streams: ${megabytes(agent.pid)}; ${await idleMegabytes(agent.pid)} when idle`);
  for (let round = 1; round <= rotations; round++) {
    const start = { at: Date.now(), cpu: cpuSeconds([agent.pid]) };
    agent.tell("rotate");
    const reached = (await lastOf(clients)) - start.at;
    const cpu = (cpuSeconds([agent.pid]) - start.cpu).toFixed(2);
    console.log(`rotation ${round}: all updated after ${reached} ms, ${cpu} CPU s; RSS ${megabytes(agent.pid)}`);
  }
  console.log(`RSS afterwards: ${await idleMegabytes(agent.pid)} when idle`);
} finally {
  await children.stop();
  rmSync(directory, { recursive: true, force: true });
}

/** Milliseconds from connect to the first SVID, each of a program that nobody has run before. */
async function unseen(socket: string): Promise<string> {
  const times: number[] = [];
  for (let index = 0; index < UNSEEN_PROGRAMS; index++) {
    const path = join(directory, `unseen-${index}`);
    copyFileSync(process.execPath, path);
    // Its digest is that of no other program.
    appendFileSync(path, `${socket} ${index}`);
    const client = programOf(path, "clients.ts", socket, "first", "1");
    times.push(...(JSON.parse(await client.line()) as number[]));
    rmSync(path);
  }
  return `${times.map((time) => time.toFixed(1)).join(", ")} ms`;
}

function megabytesOfProgram(): string {
  return `${(statSync(process.execPath).size / 1e6).toFixed(0)} MB`;
}

function program(file: string, ...args: readonly string[]) {
  return programOf(process.execPath, file, ...args);
}

function programOf(path: string, file: string, ...args: readonly string[]) {
  const child = children.start([path, join(import.meta.dirname, file), ...args]);
  const { stdin, stdout } = child;
  if (!stdin || !stdout) throw new Error(`${file} has no pipes`);
  const lines: AsyncIterator<string> = (createInterface({ input: stdout }) as Interface)[Symbol.asyncIterator]();
  return {
    pid: child.pid,
    tell: (text: string) => void stdin.write(`${text}\n`),
    async line(): Promise<string> {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${file} has ended`);
      return value;
    },
  };
}

/** When the last stream of all had its next message. */
async function lastOf(clients: readonly { line(): Promise<string> }[]): Promise<number> {
  return Math.max(...(await Promise.all(clients.map((client) => client.line()))).map(Number));
}

async function idleMegabytes(pid: number): Promise<string> {
  await sleep(systemClock, IDLE_MS);
  return megabytes(pid);
}

function megabytes(pid: number): string {
  return `${residentMegabytes([pid]).toFixed(0)} MB`;
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
