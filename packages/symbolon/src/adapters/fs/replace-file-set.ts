import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { errorText, isSymbolonError } from "@symbolon/spiffe/core";
import { productError } from "../../core/index.ts";
import { currentVersion, type FileSet, fileSetState, linkTarget, versionWriter, visibleFiles } from "./file-set.ts";

/**
 * Replaces all files of a set at once, as Kubernetes does in its projected volumes: `directory` has a symbolic link for
 * each file, through `set.link`, to a directory with one version of them all; only `set.link` is renamed. A process that
 * is killed at any point, or a power cut, leaves the old files or the new ones, and what else it left goes with the next
 * call. One process at a time may write a set.
 * @param files name to content
 * @throws ERR_FILE_IN_THE_WAY, ERR_FILE_UNWRITABLE
 */
export function replaceFileSet(directory: string, set: FileSet, files: ReadonlyMap<string, Uint8Array>): void {
  try {
    for (const step of fileSetSteps(directory, set, files)) void step;
  } catch (cause) {
    if (isSymbolonError(cause)) throw cause;
    discardUnfinished(directory, set);
    throw productError("ERR_FILE_UNWRITABLE", `cannot write files in "${directory}": ${errorText(cause)}`, { cause });
  }
}

type Steps = Generator<string, void, undefined>;

/** The same, step by step: each has changed the file system once, and says how. Whoever stops in between is a killed process. */
export function* fileSetSteps(directory: string, set: FileSet, files: ReadonlyMap<string, Uint8Array>): Steps {
  const state = fileSetState(directory, set);
  yield* removeLeftovers(directory, set);
  if (state.plain.length > 0) {
    // First a version with what is there already: it can be linked file by file, because nobody sees a difference.
    const present = visibleFiles(directory, state);
    try {
      yield* publish(directory, set, present);
    } finally {
      for (const content of present.values()) content.fill(0);
    }
    for (const name of state.plain) yield* placeLink(directory, set, name);
  }
  const linked = new Set([...state.linked, ...state.plain]);
  // They lead nowhere until there is a version that has them: new files come all at once.
  for (const name of files.keys()) if (!linked.has(name)) yield* placeLink(directory, set, name);
  yield* publish(directory, set, files);
  for (const name of linked) {
    if (files.has(name)) continue;
    rmSync(join(directory, name));
    yield `removed ${name}`;
  }
}

function* publish(directory: string, set: FileSet, files: ReadonlyMap<string, Uint8Array>): Steps {
  const before = currentVersion(directory, set);
  const version = `..${set.kind}-${process.pid}-${randomBytes(8).toString("hex")}`;
  const path = join(directory, version);
  mkdirSync(path);
  yield `made ${version}`;
  // Whatever the umask: who gets to a file is for the directory around it to say, as it was without this one.
  chmodSync(path, 0o755);
  yield `opened ${version}`;
  for (const [name, content] of files) {
    writeDurably(join(path, name), content, set.secretNames.test(name) ? 0o600 : 0o644);
    yield `wrote ${version}/${name}`;
  }
  syncDirectory(path);
  syncDirectory(directory);
  yield* placeLinkTo(directory, version, set.link);
  syncDirectory(directory);
  if (before === undefined) return;
  rmSync(join(directory, before), { recursive: true, force: true });
  yield `removed ${before}`;
}

const placeLink = (directory: string, set: FileSet, name: string): Steps =>
  placeLinkTo(directory, linkTarget(set, name), name);

/** In place of what has the name. */
function* placeLinkTo(directory: string, target: string, name: string): Steps {
  const temporary = join(directory, `${name}${TEMPORARY}`);
  symlinkSync(target, temporary);
  yield `linked ${name}${TEMPORARY}`;
  renameSync(temporary, join(directory, name));
  yield `linked ${name}`;
}

const TEMPORARY = ".tmp";

/** Of killed processes and of earlier calls that failed; what a living process is about to finish stays. */
function* removeLeftovers(directory: string, set: FileSet): Steps {
  const current = currentVersion(directory, set);
  for (const name of readdirSync(directory)) {
    if (name === current || !isLeftover(set, name)) continue;
    rmSync(join(directory, name), { recursive: versionWriter(set, name) !== undefined });
    yield `removed ${name}`;
  }
}

function isLeftover(set: FileSet, name: string): boolean {
  if (name.endsWith(TEMPORARY)) {
    const of = name.slice(0, -TEMPORARY.length);
    return of === set.link || set.names.test(of);
  }
  const writer = versionWriter(set, name);
  return writer !== undefined && (writer === process.pid || !isAlive(writer));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  return !isZombie(pid);
}

/** Killed, and its parent has not asked yet; in a container it may never. proc_pid_stat(5): the state follows the name. */
function isZombie(pid: number): boolean {
  try {
    return /\) [ZX] [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

/** A disk that is full has no room for half a version. What cannot be removed now is by the next call. */
function discardUnfinished(directory: string, set: FileSet): void {
  try {
    for (const step of removeLeftovers(directory, set)) void step;
  } catch {
    // The first error is the one that is told.
  }
}

function writeDurably(path: string, content: Uint8Array, mode: number): void {
  const file = openSync(path, "wx", mode);
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** What was made or renamed in it is lost in a power cut until then. */
function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
