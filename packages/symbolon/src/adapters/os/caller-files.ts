import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, type Stats, statfsSync } from "node:fs";
import { errorText } from "@symbolon/spiffe/core";
import type { WorkloadPeer } from "../../agent/index.ts";
import type { SecretFiles } from "../../agent/secrets/index.ts";
import { productError } from "../../core/index.ts";
import { type ProcessAccount, processAccount, processStartTicks } from "./process-stat.ts";

/** Linux alone has it, and Node has no name for it: a descriptor that names a file without opening it. */
const O_PATH = 0x200000;
const PROC_SUPER_MAGIC = 0x9fa0;
const MAX_SYMBOLIC_LINKS = 40;
const MAX_FILE_BYTES = 4 * 1024 * 1024;
const READ = 4;
const SEARCH = 1;

/**
 * Files as a process sees them, and only those that its user may read: this process may be able to read more, and must not
 * do so for another. Each directory of the path, and each symbolic link, is resolved from the caller's own root directory
 * and checked by itself, so that nothing can be put in its place in between. Access control lists are not looked at.
 */
export function callerFiles(peer: WorkloadPeer): SecretFiles {
  return {
    async read(path) {
      const account = accountOf(peer, path);
      try {
        const bytes = readAs(account, `/proc/${peer.pid}/root`, path);
        accountOf(peer, path);
        return bytes;
      } catch (error) {
        if (error instanceof Refusal) throw refused(path, peer, error.message);
        // One text for what is not there and what this process may not see: the caller learns no more than by itself.
        throw refused(path, peer, `it is not there, or not to be seen from the agent (${errorCode(error)})`);
      }
    },
  };
}

/** @param root directory that stands for `/` */
export function readAs(account: ProcessAccount, root: string, path: string): Uint8Array {
  const walk = new Walk(account, root);
  try {
    return readRegularFile(walk.resolve(path), account);
  } finally {
    walk.close();
  }
}

class Refusal extends Error {}

/** Descriptors of the directories from the root to where a path has led so far. */
class Walk {
  readonly #account: ProcessAccount;
  readonly #directories: number[];
  #file: number | undefined;

  constructor(account: ProcessAccount, root: string) {
    this.#account = account;
    this.#directories = [openSync(root, O_PATH | constants.O_DIRECTORY)];
  }

  /** Descriptor of the file at the end. */
  resolve(path: string): number {
    const names = path.split("/");
    for (let links = 0; names.length > 0; ) {
      const name = names.shift() ?? "";
      if (name === "" || name === ".") continue;
      if (name === "..") {
        this.#leave();
        continue;
      }
      this.#requireSearchable();
      const at = `/proc/self/fd/${this.#here}/${name}`;
      const found = openSync(at, O_PATH | constants.O_NOFOLLOW);
      const stats = fstatSync(found);
      if (stats.isDirectory()) {
        this.#directories.push(found);
        continue;
      }
      if (!stats.isSymbolicLink()) {
        this.#file = found;
        if (names.some((rest) => rest !== "")) throw new Refusal(`"${name}" in it is no directory`);
        return found;
      }
      closeSync(found);
      links += 1;
      if (links > MAX_SYMBOLIC_LINKS) throw new Refusal("it leads through too many symbolic links");
      const target = readlinkSync(at);
      if (target.startsWith("/")) while (this.#directories.length > 1) this.#leave();
      names.unshift(...target.split("/"));
    }
    throw new Refusal("it is a directory");
  }

  close(): void {
    for (const directory of this.#directories) closeSync(directory);
    if (this.#file !== undefined) closeSync(this.#file);
  }

  get #here(): number {
    return this.#directories.at(-1) ?? -1;
  }

  /** Nothing is above the root. */
  #leave(): void {
    if (this.#directories.length > 1) closeSync(this.#directories.pop() ?? -1);
  }

  #requireSearchable(): void {
    if (!mayAccess(this.#account, fstatSync(this.#here), SEARCH))
      throw new Refusal("its user may not search a directory of the path");
    // There are files in it that mean whoever reads them.
    if (statfsSync(`/proc/self/fd/${this.#here}`).type === PROC_SUPER_MAGIC)
      throw new Refusal("files of /proc are not served");
  }
}

function readRegularFile(descriptor: number, account: ProcessAccount): Uint8Array {
  const stats = fstatSync(descriptor);
  if (!stats.isFile()) throw new Refusal("it is no usual file");
  if (!mayAccess(account, stats, READ)) throw new Refusal("its user may not read it");
  const opened = openSync(`/proc/self/fd/${descriptor}`, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const bytes = Buffer.alloc(MAX_FILE_BYTES < stats.size ? MAX_FILE_BYTES + 1 : stats.size);
    let length = 0;
    for (let count = -1; count !== 0 && length < bytes.length; length += count)
      count = readSync(opened, bytes, length, bytes.length - length, length);
    if (length > MAX_FILE_BYTES) throw new Refusal(`it has more than ${MAX_FILE_BYTES} bytes`);
    return bytes.subarray(0, length);
  } finally {
    closeSync(opened);
  }
}

/** As the kernel decides by mode bits: the first class that fits counts, even when a later one would give more. */
function mayAccess({ uid, gid, supplementaryGids }: ProcessAccount, stats: Stats, bit: number): boolean {
  if (uid === 0) return true;
  if (stats.uid === uid) return ((stats.mode >> 6) & bit) !== 0;
  if (stats.gid === gid || supplementaryGids.includes(stats.gid)) return ((stats.mode >> 3) & bit) !== 0;
  return (stats.mode & bit) !== 0;
}

function accountOf(peer: WorkloadPeer, path: string): ProcessAccount {
  const account = peer.isAlive() ? processAccount(peer.pid) : undefined;
  if (!account || processStartTicks(peer.pid) !== peer.startTicks) throw refused(path, peer, "the process has ended");
  if (account.uid !== peer.uid) throw refused(path, peer, "the process has become another user's since it connected");
  return account;
}

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : errorText(error);
}

function refused(path: string, peer: WorkloadPeer, why: string) {
  return productError("ERR_SECRET_FILE", `"${path}" may not be read for process ${peer.pid} (uid ${peer.uid}): ${why}`);
}
