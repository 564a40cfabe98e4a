import { constants } from "node:fs";
import { type FileHandle, mkdir, open, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errorText, isSymbolonError, Secret } from "@symbolon/spiffe/core";
import type { SecretDirectory } from "../../ca/index.ts";
import { productError } from "../../core/index.ts";
import { writeFileAtomically } from "./write-file-atomically.ts";

const GROUP_OR_OTHERS_MAY_WRITE = 0o022;
const GROUP_OR_OTHERS_MAY_ANYTHING = 0o077;
/** Far above any key or chain, far below what would hurt. */
const MAX_FILE_BYTES = 1 << 20;

/**
 * A directory for keys (SR-09): made 0700 where it is missing; files 0600 from their first byte. Every read checks the
 * file that was opened, not its name, so that nothing can be swapped between check and use.
 */
export async function openSecretDirectory(path: string): Promise<SecretDirectory> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch((cause) => {
    throw productError("ERR_FILE_UNWRITABLE", `cannot make directory "${path}": ${errorText(cause)}`, { cause });
  });
  return secretDirectory(path);
}

/** The same over a directory that somebody else provides, such as plug-in CA files: never made, never written. */
export function secretDirectory(path: string): SecretDirectory {
  const pathOf = (name: string): string => join(path, name);
  return {
    pathOf,
    async readSecret(name) {
      const content = await readChecked(pathOf(name), GROUP_OR_OTHERS_MAY_ANYTHING, "chmod 600");
      return content && new Secret(content);
    },
    readPublic: (name) => readChecked(pathOf(name), GROUP_OR_OTHERS_MAY_WRITE, "chmod 644"),
    writeSecret: (name, content) => writeFileAtomically(pathOf(name), content.expose(), 0o600),
    writePublic: (name, content) => writeFileAtomically(pathOf(name), content, 0o644),
  };
}

async function readChecked(path: string, forbiddenMode: number, fix: string): Promise<Buffer | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const code = (cause as { code?: unknown }).code;
    if (code === "ENOENT") return undefined;
    if (code === "ELOOP") throw unsafe(path, "is a symbolic link; put the file itself there");
    throw productError("ERR_FILE_UNREADABLE", `cannot read "${path}": ${errorText(cause)}`, { cause });
  }
  try {
    const info = await file.stat();
    if (!info.isFile()) throw unsafe(path, "is not a regular file");
    if (info.uid !== ownUid()) throw unsafe(path, `belongs to user ${info.uid}, not to user ${ownUid()}; run chown`);
    if (info.mode & forbiddenMode)
      throw unsafe(path, `has mode ${modeText(info.mode)}, which lets others in; run ${fix} "${path}"`);
    if (info.size > MAX_FILE_BYTES) throw unsafe(path, `has ${info.size} bytes; at most ${MAX_FILE_BYTES} are read`);
    await checkDirectory(dirname(path));
    return await file.readFile();
  } catch (cause) {
    if (isSymbolonError(cause)) throw cause;
    throw productError("ERR_FILE_UNREADABLE", `cannot read "${path}": ${errorText(cause)}`, { cause });
  } finally {
    await file.close();
  }
}

/** Whoever may write the directory may replace the file. */
async function checkDirectory(path: string): Promise<void> {
  const info = await stat(path);
  if (info.uid !== ownUid())
    throw unsafe(path, `is a directory of user ${info.uid}, not of user ${ownUid()}; run chown`);
  if (info.mode & GROUP_OR_OTHERS_MAY_WRITE)
    throw unsafe(path, `is a directory that others may write (mode ${modeText(info.mode)}); run chmod 700 "${path}"`);
}

function unsafe(path: string, reason: string) {
  return productError("ERR_FILE_UNSAFE", `"${path}" ${reason}`, { details: { path } });
}

const ownUid = (): number => process.geteuid?.() ?? 0;
const modeText = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, "0");
