import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { sleep, systemClock } from "@symbolon/spiffe/core";
import type { Command } from "commander";
import type { MeshPaths } from "../../core/index.ts";
import { choosePod, matchingPods } from "../choose-pod.ts";
import { pathsOfChosenMesh } from "../context.ts";
import { CommandExit, EXIT } from "../exit-status.ts";
import { printAccessRecords } from "../print-access-records.ts";

const FOLLOW_MS = 200;
const CHUNK = 64 * 1024;

export function addLogsCommand(program: Command): void {
  program
    .command("logs [pod]")
    .description("Print what a container, or a pod's proxy, has written; or the access records of proxies.")
    .option("-n, --namespace <namespace>", "namespace", "default")
    .option("-c, --container <name>", "which container; istio-proxy is the sidecar")
    .option("--access", "access records, one JSON object a line; without a pod those of the whole mesh")
    .option("-f, --follow", "go on until interrupted")
    .option("--tail <lines>", "only the last lines")
    .addHelpText(
      "after",
      `
Examples:
  symbolon logs deploy/httpbin -n foo
  symbolon logs deploy/httpbin -n foo -c istio-proxy -f
  symbolon logs --access -f                               every request and connection of the mesh, as it ends
  symbolon logs deploy/httpbin -n foo --access --tail 20  of every replica of one Deployment

The fields of a record are explained in docs/reference/access-records.md.`,
    )
    .action(async (name: string | undefined, options: LogsOptions, command: Command) => {
      const paths = pathsOfChosenMesh(command);
      if (options.access) return printAccess(paths, name, options);
      if (name === undefined) throw new CommandExit(EXIT.usage, "error: which pod? Only --access goes without one");
      const pod = await choosePod(paths, name, options.namespace);
      const directory = join(paths.logsDirectory, pod.metadata.namespace, pod.metadata.name);
      await printLog(logFile(directory, options.container ?? pod.spec.containers[0]?.name ?? ""), options);
    });
}

interface LogsOptions {
  readonly namespace: string;
  readonly access?: boolean;
  readonly container?: string;
  readonly follow?: boolean;
  readonly tail?: string;
}

async function printAccess(paths: MeshPaths, name: string | undefined, options: LogsOptions): Promise<void> {
  const { follow = false, tail } = options;
  const pods = name === undefined ? undefined : await matchingPods(paths, name, options.namespace);
  const query = {
    ...(pods ? { pods: pods.map(({ metadata }) => metadata) } : {}),
    ...(tail === undefined ? {} : { tail: lineCount(tail) }),
    follow,
  };
  await printAccessRecords(paths, query, (text) => process.stdout.write(text));
}

/** @throws CommandExit with the usage status */
function lineCount(text: string): number {
  const lines = Number(text);
  if (!Number.isInteger(lines) || lines < 0) throw new CommandExit(EXIT.usage, "error: --tail wants a number of lines");
  return lines;
}

function logFile(directory: string, container: string): string {
  const file = join(directory, `${container}.log`);
  if (existsSync(file)) return file;
  const known = existsSync(directory)
    ? readdirSync(directory)
        .filter((name) => name.endsWith(".log"))
        .map((name) => name.slice(0, -4))
    : [];
  throw new CommandExit(
    EXIT.failed,
    `error: container "${container}" has written nothing; containers with logs: ${known.join(", ") || "none"}`,
  );
}

async function printLog(file: string, { follow = false, tail }: LogsOptions): Promise<void> {
  let offset = tail === undefined ? 0 : tailOffset(file, lineCount(tail));
  do {
    // A rotated log starts again from its beginning.
    if (statSync(file).size < offset) offset = 0;
    offset = printFrom(file, offset);
    if (follow) await sleep(systemClock, FOLLOW_MS);
  } while (follow);
}

function printFrom(file: string, from: number): number {
  const fd = openSync(file, "r");
  const buffer = Buffer.alloc(CHUNK);
  let offset = from;
  try {
    for (
      let count = readSync(fd, buffer, 0, CHUNK, offset);
      count > 0;
      count = readSync(fd, buffer, 0, CHUNK, offset)
    ) {
      process.stdout.write(Buffer.from(buffer.subarray(0, count)));
      offset += count;
    }
  } finally {
    closeSync(fd);
  }
  return offset;
}

function tailOffset(file: string, lines: number): number {
  const { size } = statSync(file);
  const fd = openSync(file, "r");
  const buffer = Buffer.alloc(CHUNK);
  let wanted = lines + 1;
  try {
    // A last line may not have its end yet.
    if (size > 0 && readSync(fd, buffer, 0, 1, size - 1) === 1 && buffer[0] !== 10) wanted = lines;
    if (wanted === 0) return size;
    for (let end = size; end > 0; end -= CHUNK) {
      const start = Math.max(0, end - CHUNK);
      readSync(fd, buffer, 0, end - start, start);
      for (let at = end - start - 1; at >= 0; at--) if (buffer[at] === 10 && --wanted === 0) return start + at + 1;
    }
  } finally {
    closeSync(fd);
  }
  return 0;
}
