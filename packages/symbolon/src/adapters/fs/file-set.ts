import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { productError } from "../../core/index.ts";

/** Files of one directory that only count together, such as a key and its certificate. */
export interface FileSet {
  /** Name of the symbolic link to the version in force; what it leads to is replaced with one rename. */
  readonly link: string;
  /** In the names of directories of versions: `..KIND-PID-RANDOM`. */
  readonly kind: string;
  /** All names that a file of the set can have. */
  readonly names: RegExp;
  /** Those among them that are their owner's alone, mode 0600; the others have 0644. */
  readonly secretNames: RegExp;
}

/** What a directory has of a set. */
export interface FileSetState {
  /** Names that are links through the version in force, whether it has them or not. */
  readonly linked: readonly string[];
  /** Names that are files by themselves, as spire-agent and earlier versions wrote them. */
  readonly plain: readonly string[];
}

/** Far above any chain of certificates; a larger file of such a name is somebody else's. */
const MAX_FILE_BYTES = 1 << 20;

/** @throws ERR_FILE_IN_THE_WAY when something has a name of the set and is neither a link of it nor a file of this user's */
export function fileSetState(directory: string, set: FileSet): FileSetState {
  const linked: string[] = [];
  const plain: string[] = [];
  for (const name of readdirSync(directory)) {
    if (name === set.link) checkLink(directory, set);
    else if (set.names.test(name)) (isLinked(directory, set, name) ? linked : plain).push(name);
  }
  return { linked, plain };
}

/** Name of the version in force. */
export function currentVersion(directory: string, set: FileSet): string | undefined {
  try {
    return readlinkSync(join(directory, set.link));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Id of the process that made it; undefined: `name` is no version of the set. */
export function versionWriter({ kind }: FileSet, name: string): number | undefined {
  const [, found, pid] = /^\.\.([a-z0-9]+)-([1-9]\d*)-[0-9a-f]{16}$/.exec(name) ?? [];
  return found === kind ? Number(pid) : undefined;
}

/** Where the link of a file leads to, from the directory. */
export const linkTarget = ({ link }: FileSet, name: string): string => `${link}/${name}`;

/** Content of each file that a reader finds now. */
export function visibleFiles(directory: string, { linked, plain }: FileSetState): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const name of [...linked, ...plain]) {
    try {
      found.set(name, readFileSync(join(directory, name)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return found;
}

function checkLink(directory: string, set: FileSet): void {
  const path = join(directory, set.link);
  if (!lstatSync(path).isSymbolicLink()) throw inTheWay(path, "is no symbolic link");
  const target = readlinkSync(path);
  if (versionWriter(set, target) === undefined)
    throw inTheWay(path, `leads to "${target}", which another program made`);
}

function isLinked(directory: string, set: FileSet, name: string): boolean {
  const path = join(directory, name);
  const found = lstatSync(path);
  if (found.isSymbolicLink()) {
    const target = readlinkSync(path);
    if (target === linkTarget(set, name)) return true;
    throw inTheWay(path, `is a symbolic link to "${target}"`);
  }
  if (!found.isFile()) throw inTheWay(path, found.isDirectory() ? "is a directory" : "is no regular file");
  if (found.uid !== process.geteuid?.()) throw inTheWay(path, `belongs to user ${found.uid}`);
  if (found.size > MAX_FILE_BYTES) throw inTheWay(path, `has ${found.size} bytes, more than any file written there`);
  return false;
}

function inTheWay(path: string, what: string) {
  return productError("ERR_FILE_IN_THE_WAY", `"${path}" ${what}; move it away, or choose another directory`, {
    details: { path },
  });
}
