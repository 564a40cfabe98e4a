import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { productError } from "../../core/index.ts";

/** What a later command in the same container needs: noted at its start, because a program may overwrite its own. */
export interface ContainerSpec {
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  readonly uid: number;
}

export function saveContainerSpec(directory: string, container: string, spec: ContainerSpec): void {
  const path = join(directory, `${container}.json`);
  writeFileSync(`${path}.new`, JSON.stringify(spec), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function loadContainerSpec(directory: string, container: string): ContainerSpec {
  try {
    return JSON.parse(readFileSync(join(directory, `${container}.json`), "utf8")) as ContainerSpec;
  } catch (cause) {
    throw productError("ERR_PROCESS_NOT_FOUND", `container "${container}" has not been started yet`, { cause });
  }
}

/** The process that a container began as. */
export interface ContainerProcess {
  readonly pid: number;
  readonly startTicks: number;
}

const PROCESS_SUFFIX = ".process";

export function saveContainerProcess(directory: string, container: string, process: ContainerProcess): void {
  const path = join(directory, `${container}${PROCESS_SUFFIX}`);
  writeFileSync(`${path}.new`, JSON.stringify(process), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Of all containers that have been started here; some may have ended. */
export function loadContainerProcesses(directory: string): readonly ContainerProcess[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith(PROCESS_SUFFIX))
      .map((name) => JSON.parse(readFileSync(join(directory, name), "utf8")) as ContainerProcess);
  } catch {
    return [];
  }
}
