import type { Command } from "commander";
import { addShowCommand } from "./show.ts";

export function addBundleCommand(program: Command): void {
  const group = program
    .command("bundle")
    .description("Trust bundles: in files, and as the agent gives them to this process.");
  addShowCommand(group);
}
