import type { Command } from "commander";
import type { PresentedObject } from "../../../mesh/index.ts";
import { apiOfChosenMesh } from "../../context.ts";
import { CommandExit, EXIT } from "../../exit-status.ts";
import { outputFormat, printStructured } from "../../output.ts";
import { reportChange } from "../../print-changes.ts";
import { printFindings } from "../../print-findings.ts";
import type { EntryFlags } from "./entry-flags.ts";
import { entryManifest } from "./entry-manifest.ts";
import { inWordsOfFlags } from "./flag-findings.ts";

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

/** Applies the object that flags stand for as `symbolon apply` does, and prints what came of it in terms of the flags. */
export async function applyEntry(
  name: string,
  flags: EntryFlags,
  command: Command,
  before?: PresentedObject,
): Promise<void> {
  const { dryRun = false } = flags;
  const format = outputFormat(flags.output, ["json", "yaml"]);
  const manifest = entryManifest(name, flags, before);
  // Warnings of a file's name are told to whoever applies a file of that name: each entry has its own.
  const file = `entry ${command.name()} ${encodeURIComponent(name)}`;
  const given = await apiOfChosenMesh(command).apply({
    manifests: [{ file, text: JSON.stringify(manifest) }],
    namespace: "default",
    allowUnenforced: false,
    dryRun,
  });
  const answer = { ...given, findings: inWordsOfFlags(given.findings, { file, name, flags, stored: !!before }) };
  if (!format || !answer.accepted) return reportChange(answer, command, { dryRun, verb: "changed" });
  printFindings(answer.findings);
  const [changed] = answer.changes;
  printStructured(format, dryRun || !changed ? manifest : await findEntry(changed.key.name, command));
}
