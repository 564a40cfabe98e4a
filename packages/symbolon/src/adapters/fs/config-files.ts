import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, errorText } from "@symbolon/spiffe/core";
import type { ManifestRead, ManifestSource } from "../../control-plane/index.ts";
import type { ManifestText } from "../../mesh/index.ts";

export interface ConfigFilesOptions {
  /** Files and directories; absolute. */
  readonly paths: readonly string[];
  readonly recursive: boolean;
  /** File that holds a bare MeshConfig. */
  readonly meshConfigPath?: string;
  readonly clock: Clock;
  readonly pollMs?: number;
}

/** Polled: editors replace files, directories come and go, and inotify sees none of it on network and overlay mounts. */
const POLL_MS = 200;
const MANIFEST_NAME = /\.(yaml|yml|json)$/;
/** A manifest is text that people write; anything larger is a mistake in the path. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/** Manifests on disk, kept under observation. */
export function createConfigFiles(options: ConfigFilesOptions): ManifestSource {
  const { paths, recursive, meshConfigPath, clock, pollMs = POLL_MS } = options;
  const watched = meshConfigPath === undefined ? paths : [...paths, meshConfigPath];
  return {
    async read() {
      const manifests = await readManifests(paths, recursive);
      if (meshConfigPath === undefined) return manifests;
      const { files, problems } = await readManifests([meshConfigPath], false);
      const marked = files.map((file): ManifestText => ({ ...file, content: "mesh-config" }));
      return { files: [...manifests.files, ...marked], problems: [...manifests.problems, ...problems] };
    },
    watch(onChange) {
      let closed = false;
      let seen: string | undefined;
      let reported: string | undefined;
      const look = async (): Promise<void> => {
        const now = await fingerprint(watched, recursive);
        if (closed) return;
        reported ??= now;
        // Two equal looks: an editor between truncating and writing shows an empty file, which would delete everything.
        if (now === seen && now !== reported) {
          reported = now;
          onChange();
        }
        seen = now;
        timer = clock.setTimer(pollMs, () => void look());
      };
      let timer = clock.setTimer(0, () => void look());
      return {
        close() {
          closed = true;
          timer.cancel();
        },
      };
    },
  };
}

async function readManifests(paths: readonly string[], recursive: boolean): Promise<ManifestRead> {
  const files: { file: string; text: string }[] = [];
  const problems: { path: string; message: string }[] = [];
  for (const root of paths) {
    const found = await listManifests(root, recursive);
    problems.push(...found.problems);
    for (const { path, size } of found.files) {
      if (size > MAX_FILE_BYTES) {
        problems.push({ path, message: `file has ${size} bytes; a manifest may have ${MAX_FILE_BYTES}` });
        continue;
      }
      try {
        files.push({ file: path, text: decodeUtf8(await readFile(path)) });
      } catch (error) {
        problems.push({ path, message: errorText(error) });
      }
    }
  }
  return { files, problems };
}

async function fingerprint(paths: readonly string[], recursive: boolean): Promise<string> {
  const parts = await Promise.all(
    paths.map(async (root) => {
      const { files, problems } = await listManifests(root, recursive);
      return [...files.map((file) => `${file.path}\0${file.signature}`), ...problems.map(({ path }) => `${path}\0!`)];
    }),
  );
  return parts.flat().join("\0");
}

interface ListedFile {
  readonly path: string;
  readonly size: number;
  readonly signature: string;
}

interface Listing {
  readonly files: readonly ListedFile[];
  readonly problems: readonly { readonly path: string; readonly message: string }[];
}

/** A path that was named is read whatever its name; in directories, names decide, as kubectl does. */
async function listManifests(root: string, recursive: boolean): Promise<Listing> {
  const files: ListedFile[] = [];
  const problems: { path: string; message: string }[] = [];
  const visit = async (path: string, depth: number): Promise<void> => {
    try {
      const info = await stat(path, { bigint: true });
      if (info.isDirectory()) {
        if (depth > 0 && !recursive) return;
        for (const name of (await readdir(path)).sort()) await visit(join(path, name), depth + 1);
      } else if (depth === 0 || MANIFEST_NAME.test(path)) {
        files.push({ path, size: Number(info.size), signature: `${info.ino}:${info.size}:${info.mtimeNs}` });
      }
    } catch (error) {
      // A file that vanished between listing and looking is simply no longer there.
      if (depth === 0 || (error as NodeJS.ErrnoException).code !== "ENOENT")
        problems.push({ path, message: errorText(error) });
    }
  };
  await visit(root, 0);
  return { files, problems };
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Error("file is not UTF-8 text", { cause });
  }
}
