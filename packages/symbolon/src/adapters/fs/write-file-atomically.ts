import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { errorText } from "@symbolon/spiffe/core";
import { productError } from "../../core/index.ts";

/**
 * After a crash at any point, `path` holds its old content or the new one, whole (RR-21). The temporary file always has
 * the same name, so that a crash leaves at most one, which the next write removes.
 */
export async function writeFileAtomically(path: string, content: Uint8Array, mode: number): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    await rm(temporary, { force: true });
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    throw productError("ERR_FILE_UNWRITABLE", `cannot write "${path}": ${errorText(cause)}`, { cause });
  }
}

/** The rename itself is lost in a power cut until the directory is on the disk. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
