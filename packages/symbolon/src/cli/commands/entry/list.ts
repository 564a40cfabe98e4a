import type { Command } from "commander";
import { outputFormat, printStructured } from "../../output.ts";
import { printTables } from "../get/print-tables.ts";
import { findEntry, listEntries } from "./apply-entry.ts";

export function addListCommand(entry: Command): void {
  entry
    .command("list")
    .description("All entries.")
    .option("-o, --output <format>", "wide, json or yaml")
    .addHelpText("after", "\nExamples:\n  symbolon entry list\n  symbolon entry list -o wide")
    .action(async (flags: { readonly output?: string }, command: Command) => {
      const format = outputFormat(flags.output, ["wide", "json", "yaml"]);
      const items = await listEntries(command);
      if (format === "json" || format === "yaml")
        return printStructured(format, { apiVersion: "v1", kind: "List", metadata: { resourceVersion: "" }, items });
      printTables(items, { wide: format === "wide", withNamespace: false, headers: true, place: undefined });
    });
}

export function addShowCommand(entry: Command): void {
  entry
    .command("show <name>")
    .description("One entry, whole.")
    .option("-o, --output <format>", "yaml (the default) or json")
    .addHelpText("after", "\nExamples:\n  symbolon entry show db\n  symbolon entry show db -o json")
    .action(async (name: string, flags: { readonly output?: string }, command: Command) => {
      const format = outputFormat(flags.output, ["json", "yaml"]) ?? "yaml";
      printStructured(format, await findEntry(name, command));
    });
}
