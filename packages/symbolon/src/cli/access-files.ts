import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { accessRecordsFile, type MeshPaths } from "../core/index.ts";

const CHUNK = 256 * 1024;
const NEWLINE = 0x0a;

/** Access files of the pods that are named, or of every pod that has left one. */
export function accessFiles(
  paths: MeshPaths,
  pods?: readonly { readonly namespace: string; readonly name: string }[],
): readonly string[] {
  return (pods ?? podsWithLogs(paths.logsDirectory))
    .map(({ namespace, name }) => accessRecordsFile(paths, namespace, name))
    .filter((file) => existsSync(file) || existsSync(olderFile(file)));
}

function podsWithLogs(logsDirectory: string): readonly { readonly namespace: string; readonly name: string }[] {
  return directoriesIn(logsDirectory).flatMap((namespace) =>
    directoriesIn(join(logsDirectory, namespace)).map((name) => ({ namespace, name })),
  );
}

function directoriesIn(directory: string): readonly string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

export function olderFile(file: string): string {
  return `${file}.1`;
}

/** Whole lines of one file from a place on; what has been read is never read again, also when the file is rotated. */
export class LineReader {
  readonly #path: string;
  #fd: number | undefined;
  #inode = 0;
  #offset = 0;
  #rest = "";
  readonly #buffer = Buffer.allocUnsafe(CHUNK);

  constructor(path: string) {
    this.#path = path;
  }

  /** Lines that are there now, at most a chunk of them; none: nothing is there at the moment. */
  read(): readonly string[] {
    for (;;) {
      if (this.#fd === undefined && !this.#open()) return [];
      const count = readSync(this.#fd as number, this.#buffer, 0, CHUNK, this.#offset);
      if (count === 0) {
        this.#forgetWhatWasCut();
        // Only after the end of the old file: a rotation loses nothing.
        if (!this.#isRotated()) return [];
        this.close();
        continue;
      }
      this.#offset += count;
      const lines = (this.#rest + this.#buffer.toString("latin1", 0, count)).split("\n");
      this.#rest = lines.pop() ?? "";
      if (lines.length > 0) return lines;
    }
  }

  /** Goes to the place from which at most `lines` lines are left. */
  skipTo(lines: number): void {
    if (!this.#open()) return;
    const fd = this.#fd as number;
    let wanted = lines + 1;
    this.#offset = 0;
    for (let end = fstatSync(fd).size; end > 0; end -= CHUNK) {
      const start = Math.max(0, end - CHUNK);
      readSync(fd, this.#buffer, 0, end - start, start);
      for (let at = end - start - 1; at >= 0; at--)
        if (this.#buffer[at] === NEWLINE && --wanted === 0) {
          this.#offset = start + at + 1;
          return;
        }
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#offset = 0;
    this.#rest = "";
  }

  #open(): boolean {
    if (this.#fd !== undefined) return true;
    if (!existsSync(this.#path)) return false;
    this.#fd = openSync(this.#path, "r");
    this.#inode = fstatSync(this.#fd).ino;
    return true;
  }

  /** A proxy that is started again removes the half line of the one that was killed. */
  #forgetWhatWasCut(): void {
    const { size } = fstatSync(this.#fd as number);
    if (size >= this.#offset) return;
    this.#offset = size;
    this.#rest = "";
  }

  #isRotated(): boolean {
    return existsSync(this.#path) && statSync(this.#path).ino !== this.#inode;
  }
}
