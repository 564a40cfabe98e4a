import type { BigIntStats } from "node:fs";
import { createTurns } from "./turns.ts";

/** Digests of programs, each computed once for each version of a file. */
export interface ProgramDigests {
  /** @param pid of a process that runs `file`. @returns lower-case hex. Rejects as `compute` does. */
  of(pid: number, file: BigIntStats): Promise<string>;
}

export interface ProgramDigestsOptions {
  /** Reads the program of process `pid`, which has to be of this version. */
  readonly compute: (pid: number, version: string) => Promise<string>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Programs whose digest is remembered; each takes some hundred bytes. */
const REMEMBERED = 256;
/** Kernels count the time of a change in steps of up to 10 ms: within one, a file may change twice and look the same. */
const SETTLED_MS = 2000;
/**
 * Programs that are read at the same time: more would take no less time, because one thread hashes them all. Whoever
 * starts many large ones waits behind himself, with no more than so many files open and buffers in use.
 */
const AT_ONCE = 4;

/**
 * At most four are computed at the same time; others wait, in the order in which they were asked for. All who ask for one
 * version of a file (device, inode, size, times of content and of attributes) share a computation and its result. What was
 * changed less than two seconds ago is computed for each process by itself, and not remembered.
 */
export function createProgramDigests({ compute, now }: ProgramDigestsOptions): ProgramDigests {
  const inTurn = createTurns(AT_ONCE);
  /** Waiting for their turn, too. */
  const underWay = new Map<string, Promise<string>>();
  const known = new Map<string, string>();

  const of = async (pid: number, file: BigIntStats): Promise<string> => {
    const isSettled = now() - Number(file.ctimeMs) >= SETTLED_MS;
    const version = versionOf(file);
    const found = isSettled ? known.get(version) : undefined;
    if (found !== undefined) return found;
    // Nobody else's process vouches for what a file has that was changed just now.
    const key = isSettled ? version : `${version} of ${pid}`;
    const others = underWay.get(key);
    // Whoever computes it may end before his program is open; then it is the turn of one of those who share it.
    if (others) return others.catch(() => of(pid, file));
    const digest = inTurn(() => compute(pid, version))
      .then((value) => {
        if (isSettled) remember(version, value);
        return value;
      })
      .finally(() => underWay.delete(key));
    underWay.set(key, digest);
    return digest;
  };

  const remember = (version: string, digest: string): void => {
    known.set(version, digest);
    const oldest = known.keys().next().value;
    if (known.size > REMEMBERED && oldest !== undefined) known.delete(oldest);
  };

  return { of };
}

/** By file and version of its content: a program that is replaced or written to is another one. */
export function versionOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}
