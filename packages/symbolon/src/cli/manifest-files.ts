import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { ManifestText } from "../mesh/index.ts";
import { CommandExit, EXIT } from "./exit-status.ts";
import { readTextOf, unreadable } from "./read-text.ts";
import { shortPath } from "./short-path.ts";
import { systemErrorText } from "./system-error-text.ts";

const MANIFEST_NAME = /\.(yaml|yml|json)$/;

export interface CollectManifestsOptions {
  /** Values of `-f`: files, directories, "-" for standard input. */
  readonly paths: readonly string[];
  readonly recursive: boolean;
  readonly readStdin: () => Promise<string>;
}

/**
 * Reads what `-f` names, as kubectl does: of a directory its *.yaml, *.yml and *.json, deeper ones with `-R`.
 * @throws CommandExit with the bad-input status, naming the path
 */
export async function collectManifests(options: CollectManifestsOptions): Promise<readonly ManifestText[]> {
  const { paths, recursive, readStdin } = options;
  if (paths.length === 0)
    throw new CommandExit(EXIT.usage, 'error: no manifest given; use "-f FILE", "-f DIRECTORY" or "-f -"');
  if (paths.filter((path) => path === "-").length > 1)
    throw new CommandExit(EXIT.usage, 'error: standard input can be read once; give "-f -" once');
  const documents: ManifestText[] = [];
  // A file that is named twice, or beside its directory, is read once.
  const seen = new Set<string>();
  for (const path of paths) {
    if (path === "-") documents.push({ file: "-", text: await readStdin() });
    else {
      const files = filesOf(path, recursive).filter((file) => !seen.has(file));
      for (const file of files) seen.add(file);
      documents.push(...files.map(readText));
    }
  }
  return documents;
}

function filesOf(given: string, recursive: boolean): readonly string[] {
  const path = resolve(given);
  const files = listFiles(path, recursive, 0);
  if (files.length === 0)
    throw new CommandExit(
      EXIT.badInput,
      `error: "${given}" holds no *.yaml, *.yml or *.json file${recursive ? "" : "; -R looks into directories below"}`,
    );
  return files;
}

/** A file with a bare MeshConfig. @throws CommandExit with the bad-input status */
export function readMeshConfig(path: string): ManifestText {
  return { ...readText(resolve(path)), content: "mesh-config" };
}

/** Any file of text. @throws CommandExit with the bad-input status */
export function readTextFile(path: string): string {
  return readText(resolve(path)).text;
}

function readText(file: string): ManifestText {
  return { file, text: readTextOf(file, shortPath(file)) };
}

function listFiles(path: string, recursive: boolean, depth: number): readonly string[] {
  try {
    if (!statSync(path).isDirectory()) return depth === 0 || MANIFEST_NAME.test(path) ? [path] : [];
    if (depth > 0 && !recursive) return [];
    return readdirSync(path)
      .sort()
      .flatMap((name) => listFiles(join(path, name), recursive, depth + 1));
  } catch (error) {
    throw error instanceof CommandExit ? error : unreadable(shortPath(path), systemErrorText(error));
  }
}
