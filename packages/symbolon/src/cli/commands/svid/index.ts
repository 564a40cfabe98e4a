import type { Command } from "commander";
import { addInspectCommand } from "./inspect.ts";
import { addVerifyCommand } from "./verify.ts";

export function addSvidCommand(program: Command): void {
  const group = program
    .command("svid")
    .description("SPIFFE identities of workloads: X.509-SVIDs and JWT-SVIDs.")
    .addHelpText(
      "after",
      `
Examples:
  symbolon svid inspect svid.pem                         what it says of itself
  symbolon svid verify svid.pem --bundle bundle.pem      whether a peer accepts it, and why not`,
    );
  addInspectCommand(group);
  addVerifyCommand(group);
}
