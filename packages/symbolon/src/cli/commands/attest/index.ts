import type { Command } from "commander";
import { addExplainCommand } from "./explain.ts";

export function addAttestCommand(program: Command): void {
  const attest = program.command("attest").description("Who a process is for the mesh, and why.");
  addExplainCommand(attest);
}
