import type { Command } from "commander";
import type { ApiClient } from "../adapters/http/index.ts";
import { DEFAULT_MESH_NAME, meshApi, meshDirectories } from "../app/index.ts";
import { type MeshPaths, meshPaths } from "../core/index.ts";

/** Paths of the mesh that `--name` chose. */
export function pathsOfChosenMesh(command: Command): MeshPaths {
  return meshPaths(meshDirectories(meshName(command), process.env));
}

export function apiOfChosenMesh(command: Command): ApiClient {
  return meshApi(pathsOfChosenMesh(command));
}

export function meshName(command: Command): string {
  return (command.optsWithGlobals() as { name?: string }).name ?? DEFAULT_MESH_NAME;
}

export function readStandardInput(): Promise<string> {
  return Bun.stdin.text();
}
