import type { Command } from "commander";
import { addQueryCommand } from "./query.ts";
import { addTailCommand } from "./tail.ts";
import { addVerifyCommand } from "./verify.ts";

export function addAuditCommand(program: Command): void {
  const audit = program
    .command("audit")
    .description("What was done, by whom and on which authority; and whether the record of it is whole.")
    .addHelpText(
      "after",
      `
Examples:
  symbolon audit verify                                      every line, link and signature; ends with 1 when one is wrong
  symbolon audit tail -f                                     what is done now
  symbolon audit query --kind request.deny --since 1h        who was refused in the last hour
  symbolon audit query --actor foo/sa/curl -o json           everything that one identity asked for`,
    );
  addVerifyCommand(audit);
  addTailCommand(audit);
  addQueryCommand(audit);
}
