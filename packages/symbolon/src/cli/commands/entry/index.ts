import type { Command } from "commander";
import { addCreateCommand } from "./create.ts";
import { addDeleteEntryCommand } from "./delete.ts";
import { addListCommand, addShowCommand } from "./list.ts";
import { addUpdateCommand } from "./update.ts";

export function addEntryCommand(program: Command): void {
  const entry = program
    .command("entry")
    .description(
      "Identities of processes outside pods. Short form of ClusterStaticEntry objects, which apply, get and delete take, too.",
    )
    .addHelpText(
      "after",
      `
Examples:
  symbolon entry create --spiffe-id spiffe://cluster.local/db --selector unix:uid:1000
  symbolon entry list
  symbolon entry show db
  symbolon entry update db --ttl 20m
  symbolon entry delete db`,
    );
  addCreateCommand(entry);
  addListCommand(entry);
  addShowCommand(entry);
  addUpdateCommand(entry);
  addDeleteEntryCommand(entry);
}
