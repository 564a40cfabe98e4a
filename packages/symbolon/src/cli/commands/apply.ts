import type { Command } from "commander";
import { apiOfChosenMesh } from "../context.ts";
import { CommandExit, EXIT } from "../exit-status.ts";
import { collectManifests, readMeshConfig } from "../manifest-files.ts";
import { reportChange } from "../print-changes.ts";
import { readStandardInput } from "../read-text.ts";

interface Flags {
  readonly filename: string[];
  readonly recursive?: boolean;
  readonly namespace: string;
  readonly meshConfig?: string;
  readonly allowUnenforced?: boolean;
  readonly dryRun?: boolean;
}

export function addApplyCommand(program: Command): void {
  const collect = (value: string, before: string[]): string[] => [...before, value];
  program
    .command("apply")
    .description("Change a running mesh: all objects or, when one of them is wrong, none.")
    .option("-f, --filename <path>", "manifest file, directory or - for standard input; may be repeated", collect, [])
    .option("-R, --recursive", "read directories of directories, too")
    .option("-n, --namespace <namespace>", "namespace of objects that name none", "default")
    .option("--mesh-config <file>", "Istio's MeshConfig, as it stands in the ConfigMap istio under mesh")
    .option("--allow-unenforced", "accept objects whose enforcement does not exist yet (they have no effect)")
    .option("--dry-run", "only say what would change")
    .addHelpText(
      "after",
      `
Examples:
  symbolon apply -f strict.yaml
  symbolon apply -f policies/ -R --dry-run
  symbolon apply --mesh-config mesh-config.yaml
  cat strict.yaml | symbolon apply -f - -n foo`,
    )
    .action(async (flags: Flags, command: Command) => {
      const { filename: paths, recursive = false, namespace, allowUnenforced = false, dryRun = false } = flags;
      const { meshConfig } = flags;
      const manifests =
        paths.length === 0 && meshConfig !== undefined
          ? []
          : [...(await collectManifests({ paths, recursive, readStdin: readStandardInput }))];
      if (meshConfig !== undefined) manifests.push(readMeshConfig(meshConfig));
      const answer = await apiOfChosenMesh(command).apply({ manifests, namespace, allowUnenforced, dryRun });
      const isEmpty = answer.changes.length === 0 && answer.findings.length === 0 && meshConfig === undefined;
      if (answer.accepted && isEmpty)
        throw new CommandExit(EXIT.badInput, `error: no objects passed to apply: ${paths.join(", ")} holds none`);
      await reportChange(answer, command, { dryRun, verb: "applied" });
    });
}
