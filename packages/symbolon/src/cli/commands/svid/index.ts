import type { Command } from "commander";
import { addFetchCommand } from "./fetch.ts";
import { addInspectCommand } from "./inspect.ts";
import { addVerifyCommand } from "./verify.ts";
import { addWatchCommand } from "./watch.ts";

export function addSvidCommand(program: Command): void {
  const group = program
    .command("svid")
    .description("SPIFFE identities of workloads: X.509-SVIDs and JWT-SVIDs.")
    .addHelpText(
      "after",
      `
Examples:
  symbolon svid fetch x509                               this process's identity
  symbolon svid fetch jwt --audience orders              a token for a service
  symbolon svid watch --write ./identity                 files that stay fresh
  symbolon svid inspect svid.pem                         what it says of itself
  symbolon svid verify svid.pem --bundle bundle.pem      whether a peer accepts it, and why not`,
    );
  addFetchCommand(group);
  addWatchCommand(group);
  addInspectCommand(group);
  addVerifyCommand(group);
}
