import type { Command } from "commander";
import { apiOfChosenMesh, readStandardInput } from "../context.ts";
import { collectManifests } from "../manifest-files.ts";
import { reportChange } from "../print-changes.ts";

interface Flags {
  readonly filename: string[];
  readonly recursive?: boolean;
  readonly namespace: string;
  readonly allowUnenforced?: boolean;
  readonly dryRun?: boolean;
}

export function addApplyCommand(program: Command): void {
  const collect = (value: string, before: string[]): string[] => [...before, value];
  program
    .command("apply")
    .description("Change a running mesh: all objects or, when one of them is wrong, none.")
    .requiredOption(
      "-f, --filename <path>",
      "manifest file, directory or - for standard input; may be repeated",
      collect,
      [],
    )
    .option("-R, --recursive", "read directories of directories, too")
    .option("-n, --namespace <namespace>", "namespace of objects that name none", "default")
    .option("--allow-unenforced", "accept objects whose enforcement does not exist yet (they have no effect)")
    .option("--dry-run", "only say what would change")
    .addHelpText(
      "after",
      `
Examples:
  symbolon apply -f strict.yaml
  symbolon apply -f policies/ -R --dry-run
  cat strict.yaml | symbolon apply -f - -n foo`,
    )
    .action(async (flags: Flags, command: Command) => {
      const { filename: paths, recursive = false, namespace, allowUnenforced = false, dryRun = false } = flags;
      const manifests = await collectManifests({ paths, recursive, readStdin: readStandardInput });
      const answer = await apiOfChosenMesh(command).apply({ manifests, namespace, allowUnenforced, dryRun });
      await reportChange(answer, command, { dryRun, verb: "applied" });
    });
}
