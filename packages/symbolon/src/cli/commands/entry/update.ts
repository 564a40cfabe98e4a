import type { Command } from "commander";
import { applyEntry, findEntry } from "./apply-entry.ts";
import { addEntryFlags, type EntryFlags } from "./entry-flags.ts";

export function addUpdateCommand(entry: Command): void {
  const update = entry
    .command("update <name>")
    .description("Change an entry; what no option names stays. Running workloads get what changes at once.")
    .option("--spiffe-id <id>", "SPIFFE ID of the mesh's trust domain");
  addEntryFlags(update)
    .option("--no-default", "comes in the order of age again")
    .addHelpText(
      "after",
      `
Examples:
  symbolon entry update db --ttl 20m
  symbolon entry update db --selector unix:uid:1000 --selector unix:path:/usr/bin/node   instead of the selectors that it has
  symbolon entry update db --dns "" --federates-with "" --hint "" --ttl 0 --no-default   takes these back`,
    )
    .action(async (name: string, flags: EntryFlags, command: Command) => {
      await applyEntry(name, flags, command, await findEntry(name, command));
    });
}
