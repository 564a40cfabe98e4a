import type { Command } from "commander";
import { addValidateCommand } from "./validate.ts";

export function addJwtCommand(program: Command): void {
  const group = program.command("jwt").description("JWT-SVIDs, without a running mesh.");
  addValidateCommand(group);
}
