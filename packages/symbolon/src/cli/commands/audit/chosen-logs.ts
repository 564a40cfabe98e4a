import { existsSync } from "node:fs";
import type { Command } from "commander";
import { listAuditLogs } from "../../../adapters/fs/index.ts";
import { meshName, pathsOfChosenMesh } from "../../context.ts";
import { CommandExit, EXIT } from "../../exit-status.ts";

/** Directories of the logs that were named, or of all logs of the chosen mesh, which need not run. */
export async function chosenLogs(named: readonly string[], command: Command): Promise<readonly string[]> {
  for (const directory of named)
    if (!existsSync(directory)) throw new CommandExit(EXIT.badInput, `error: "${directory}" does not exist`);
  if (named.length > 0) return named.map((directory) => directory.replace(/\/+$/, ""));
  const { auditDirectory } = pathsOfChosenMesh(command);
  const logs = await listAuditLogs(auditDirectory);
  if (logs.length > 0) return logs;
  throw new CommandExit(
    EXIT.badInput,
    `error: mesh "${meshName(command)}" has no audit log in "${auditDirectory}": it was never started by this user; name another mesh with --name, or a log's directory`,
  );
}
