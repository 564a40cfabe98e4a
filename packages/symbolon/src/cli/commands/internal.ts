import type { Command } from "commander";
import type { MeshConfig } from "../../app/index.ts";
import { MESH_PROCESSES } from "../mesh-processes.ts";

/** Processes of a mesh; hidden, because nobody types them. `bin/symbolon.ts` starts them without this. */
export function addInternalCommand(program: Command): void {
  const internal = program.command("internal", { hidden: true }).description("processes of a mesh");
  for (const [name, run] of Object.entries(MESH_PROCESSES))
    internal.command(`${name} <config> [detail]`).action(async (config: string, detail = "") => {
      // Not by `exitCode`: what a start that failed half-way has opened must not keep the process.
      process.exit(await run(JSON.parse(config) as MeshConfig, detail));
    });
}
