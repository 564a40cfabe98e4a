import type { Command } from "commander";
import type { ApiClient } from "../adapters/http/index.ts";
import { DEFAULT_MESH_NAME, meshApi, meshDirectories } from "../app/index.ts";
import { type MeshPaths, meshPaths } from "../core/index.ts";
import { commandLineActor } from "./administrative-command.ts";

/** Paths of the mesh that `--name` chose. */
export function pathsOfChosenMesh(command: Command): MeshPaths {
  return meshPaths(meshDirectories(meshName(command), process.env));
}

export function apiOfChosenMesh(command: Command): ApiClient {
  return meshApi(pathsOfChosenMesh(command), commandLineActor());
}

/** `--name`, before the command or after it; the last one counts, as of every option. */
export function meshName(command: Command): string {
  for (let at: Command | null = command; at; at = at.parent)
    if (at.getOptionValueSource("name") === "cli") return at.getOptionValue("name") as string;
  return DEFAULT_MESH_NAME;
}
