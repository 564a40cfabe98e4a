import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { processStartTicks } from "../adapters/os/index.ts";
import type { MeshPaths } from "../core/index.ts";

/** A process that cannot be confused with a later one of the same id. */
export interface ProcessRef {
  readonly pid: number;
  /** Kernel start time in clock ticks since boot. */
  readonly startTicks: number;
}

/** Host process ids of a running mesh. */
export interface MeshProcesses {
  readonly launcher: ProcessRef;
  /** Absent while it is being started. */
  readonly supervisor?: ProcessRef;
  /** The agent of processes outside pods; absent while it is being started. */
  readonly hostAgent?: ProcessRef & { readonly workloadSocket: string };
}

export function processRef(pid: number): ProcessRef {
  return { pid, startTicks: processStartTicks(pid) ?? 0 };
}

export function isAlive(process: ProcessRef | undefined): process is ProcessRef {
  return process !== undefined && processStartTicks(process.pid) === process.startTicks;
}

export function readMeshProcesses(paths: MeshPaths): MeshProcesses | undefined {
  if (!existsSync(paths.processFile)) return undefined;
  try {
    return JSON.parse(readFileSync(paths.processFile, "utf8")) as MeshProcesses;
  } catch {
    return undefined;
  }
}

/** Replaces the file in one step: a reader never sees half of it. */
export function writeMeshProcesses(paths: MeshPaths, processes: MeshProcesses): void {
  const temporary = `${paths.processFile}.new`;
  writeFileSync(temporary, JSON.stringify(processes), { mode: 0o600 });
  renameSync(temporary, paths.processFile);
}

/** What the launcher has started so far, kept in the file that commands read. */
export interface MeshProcessRecord {
  note(processes: Partial<MeshProcesses>): void;
}

export function createMeshProcessRecord(paths: MeshPaths): MeshProcessRecord {
  let known: MeshProcesses = { launcher: processRef(process.pid) };
  writeMeshProcesses(paths, known);
  return {
    note(processes) {
      known = { ...known, ...processes };
      writeMeshProcesses(paths, known);
    },
  };
}
