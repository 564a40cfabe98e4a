import type { Command } from "commander";
import { addCanCommand } from "./can.ts";
import { addCheckCommand } from "./check.ts";
import { addDenialsCommand } from "./denials.ts";
import { addExplainCommand } from "./explain.ts";

export function addAuthzCommand(program: Command): void {
  const group = program
    .command("authz")
    .description("Who may call whom and why, as manifests or the policies of the running mesh say.")
    .addHelpText(
      "after",
      `
Examples:
  symbolon authz can --from foo/curl --to bar/httpbin GET /headers -f manifests/
  symbolon authz explain --from foo/curl --to bar/httpbin POST /headers -f manifests/
  symbolon authz denials -f                              what the running mesh refuses
  symbolon authz explain --last 1                        why it refused the newest
  symbolon authz check deploy/httpbin -n bar             policies of one workload of the running mesh`,
    );
  addCanCommand(group);
  addExplainCommand(group);
  addCheckCommand(group);
  addDenialsCommand(group);
}
