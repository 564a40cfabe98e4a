import type { Command } from "commander";
import { CommandExit, EXIT } from "../../exit-status.ts";
import { applyEntry, listEntries } from "./apply-entry.ts";
import { addEntryFlags, type EntryFlags } from "./entry-flags.ts";
import { nameOfSpiffeId } from "./entry-manifest.ts";

type Flags = EntryFlags & { readonly spiffeId: string };

export function addCreateCommand(entry: Command): void {
  const create = entry
    .command("create [name]")
    .description("Give processes outside pods an identity. Without a name the entry is named by the SPIFFE ID's path.")
    .requiredOption("--spiffe-id <id>", "SPIFFE ID of the mesh's trust domain");
  addEntryFlags(create)
    .addHelpText(
      "after",
      `
A process has the identity when all selectors hold for it: unix:uid:N, unix:gid:N, unix:user:NAME, unix:path:FILE,
unix:sha256:HEX, systemd:id:UNIT and others; "symbolon attest explain --pid N" shows those of a process.

Examples:
  symbolon entry create --spiffe-id spiffe://cluster.local/db --selector unix:uid:1000
  symbolon entry create --spiffe-id spiffe://cluster.local/web --selector unix:user:www --selector unix:path:/usr/sbin/nginx --dns web.example.org --ttl 1h
  symbolon entry create nightly --spiffe-id spiffe://cluster.local/job --selector systemd:id:job.service --jwt-ttl 10m`,
    )
    .action(async (given: string | undefined, flags: Flags, command: Command) => {
      const name = given ?? nameOfSpiffeId(flags.spiffeId);
      if (name === "")
        throw new CommandExit(
          EXIT.badInput,
          `error: --spiffe-id "${flags.spiffeId}" has no path; wanted one such as spiffe://cluster.local/db`,
        );
      if ((await listEntries(command)).some(({ metadata }) => metadata.name === name))
        throw new CommandExit(
          EXIT.badInput,
          `error: there is an entry "${name}" already; change it with "symbolon entry update ${name}", or choose another name: symbolon entry create NAME --spiffe-id ...`,
        );
      await applyEntry(name, flags, command);
    });
}
