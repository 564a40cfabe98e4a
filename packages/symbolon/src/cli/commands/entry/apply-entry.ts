import type { Command } from "commander";
import type { PresentedObject } from "../../../mesh/index.ts";
import { apiOfChosenMesh } from "../../context.ts";
import { CommandExit, EXIT } from "../../exit-status.ts";
import { outputFormat, printStructured } from "../../output.ts";
import { reportChange } from "../../print-changes.ts";
import { printFindings } from "../../print-findings.ts";
import type { EntryFlags } from "./entry-flags.ts";

/** Every entry of the mesh. */
export function listEntries(command: Command): Promise<readonly PresentedObject[]> {
  return apiOfChosenMesh(command).list("ClusterStaticEntry", {});
}

/** @throws CommandExit when there is none of that name */
export async function findEntry(name: string, command: Command): Promise<PresentedObject> {
  const found = (await listEntries(command)).find(({ metadata }) => metadata.name === name);
  if (found) return found;
  throw new CommandExit(EXIT.failed, `error: there is no entry "${name}"; "symbolon entry list" shows all`);
}

/** Applies an entry as `symbolon apply` does, and prints what came of it. */
export async function applyEntry(
  manifest: { readonly metadata?: unknown },
  flags: Pick<EntryFlags, "dryRun" | "output">,
  command: Command,
): Promise<void> {
  const { dryRun = false } = flags;
  const format = outputFormat(flags.output, ["json", "yaml"]);
  const answer = await apiOfChosenMesh(command).apply({
    manifests: [{ file: `entry ${command.name()}`, text: JSON.stringify(manifest) }],
    namespace: "default",
    allowUnenforced: false,
    dryRun,
  });
  if (!format || !answer.accepted) return reportChange(answer, command, { dryRun, verb: "changed" });
  printFindings(answer.findings);
  const [changed] = answer.changes;
  printStructured(format, dryRun || !changed ? manifest : await findEntry(changed.key.name, command));
}
