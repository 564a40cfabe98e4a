import { formatFinding, hasErrors } from "@symbolon/policy";
import type { Command } from "commander";
import { isClusterScoped, type ObjectKey, parseManifests } from "../../mesh/index.ts";
import { apiOfChosenMesh } from "../context.ts";
import { CommandExit, EXIT } from "../exit-status.ts";
import { parseKindAndName, requireKind } from "../kind-argument.ts";
import { collectManifests } from "../manifest-files.ts";
import { reportChange } from "../print-changes.ts";
import { printFindings } from "../print-findings.ts";
import { readStandardInput } from "../read-text.ts";

interface Flags {
  readonly filename: string[];
  readonly recursive?: boolean;
  readonly namespace: string;
  readonly ignoreNotFound?: boolean;
}

export function addDeleteCommand(program: Command): void {
  const collect = (value: string, before: string[]): string[] => [...before, value];
  program
    .command("delete [kind] [names...]")
    .description("Delete objects that were applied. A deleted pod of a Deployment is replaced by a new one.")
    .option("-f, --filename <path>", "delete what these manifests name; may be repeated", collect, [])
    .option("-R, --recursive", "read directories of directories, too")
    .option("-n, --namespace <namespace>", "namespace", "default")
    .option("--ignore-not-found", "an object that is not there is no error")
    .addHelpText(
      "after",
      `
Examples:
  symbolon delete -f strict.yaml
  symbolon delete peerauthentication default -n foo
  symbolon delete pod/httpbin-7c5ddbdf54-abcde -n foo`,
    )
    .action(async (kind: string | undefined, names: readonly string[], flags: Flags, command: Command) => {
      const fromFiles = flags.filename.length > 0;
      if (fromFiles === (kind !== undefined))
        throw new CommandExit(
          EXIT.usage,
          "error: name either manifests with -f, or a kind and names, such as pod/NAME",
        );
      const keys = fromFiles ? await keysOfManifests(flags) : keysOfArguments(kind ?? "", names, flags.namespace);
      const answer = await apiOfChosenMesh(command).delete({ keys, ignoreNotFound: flags.ignoreNotFound ?? false });
      await reportChange(answer, command, { verb: "deleted" });
    });
}

async function keysOfManifests({ filename, recursive = false, namespace }: Flags): Promise<readonly ObjectKey[]> {
  const texts = await collectManifests({ paths: filename, recursive, readStdin: readStandardInput });
  // Only names count here; whether anything could run is no question for a deletion.
  const rules = { defaultNamespace: namespace, allowUnenforced: true, explainUnknownImage: () => undefined };
  const { objects, findings } = parseManifests(texts, rules);
  if (objects.length === 0 && findings.length === 0)
    throw new CommandExit(EXIT.badInput, `error: no objects passed to delete: ${filename.join(", ")} holds none`);
  if (!hasErrors(findings)) return objects.map(({ key }) => key);
  printFindings(findings.map(formatFinding));
  throw new CommandExit(EXIT.badInput, "error: nothing was deleted");
}

/** `KIND NAME...` or `KIND/NAME KIND/NAME...`. */
function keysOfArguments(kind: string, names: readonly string[], namespace: string): readonly ObjectKey[] {
  if (!kind.includes("/") && names.length === 0)
    throw new CommandExit(EXIT.usage, `error: which ${kind}? symbolon delete ${kind} NAME`);
  const chosen = kind.includes("/")
    ? [kind, ...names].map(parseKindAndName)
    : names.map((name) => ({ kind: requireKind(kind).kind, name }));
  return chosen.map(({ kind: found, name }) => ({
    kind: found,
    namespace: isClusterScoped(found) ? "" : namespace,
    name,
  }));
}
