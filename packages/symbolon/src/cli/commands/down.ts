import { systemClock } from "@symbolon/spiffe/core";
import type { Command } from "commander";
import { stopMesh } from "../../app/index.ts";
import { meshName, pathsOfChosenMesh } from "../context.ts";

export function addDownCommand(program: Command): void {
  program
    .command("down")
    .description("Stop a mesh: every pod, proxy, agent and control plane. State (CA, applied objects, logs) stays.")
    .addHelpText("after", "\nExamples:\n  symbolon down\n  symbolon --name staging down")
    .action(async (_options, command: Command) => {
      const outcome = await stopMesh(pathsOfChosenMesh(command), systemClock);
      console.error(
        `mesh "${meshName(command)}" ${outcome === "killed" ? "did not end in time and was killed" : outcome}`,
      );
    });
}
