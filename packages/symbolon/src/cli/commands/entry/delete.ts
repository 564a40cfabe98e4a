import type { Command } from "commander";
import { apiOfChosenMesh } from "../../context.ts";
import { reportChange } from "../../print-changes.ts";

export function addDeleteEntryCommand(entry: Command): void {
  entry
    .command("delete <names...>")
    .description("Take identities back: who has only such loses them at once. Certificates live on until they expire.")
    .option("--ignore-not-found", "an entry that is not there is no error")
    .addHelpText("after", "\nExamples:\n  symbolon entry delete db")
    .action(async (names: readonly string[], flags: { readonly ignoreNotFound?: boolean }, command: Command) => {
      const keys = names.map((name) => ({ kind: "ClusterStaticEntry" as const, namespace: "", name }));
      const answer = await apiOfChosenMesh(command).delete({ keys, ignoreNotFound: flags.ignoreNotFound ?? false });
      await reportChange(answer, command, { verb: "deleted" });
    });
}
