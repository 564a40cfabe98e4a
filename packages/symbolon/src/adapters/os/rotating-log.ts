import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

export interface RotatingLog {
  write(chunk: Uint8Array): void;
  close(): void;
}

const DEFAULT_MAX_BYTES = 10 * 1024 * 1024;

/**
 * Appends to `path`; a file that has reached its bound becomes `path.1` (replacing the one before), so that a program
 * never fills a disk. A full disk loses lines, not the program: its output goes on.
 */
export function openRotatingLog(path: string, maxBytes = DEFAULT_MAX_BYTES): RotatingLog {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let fd = openSync(path, "a", 0o600);
  let size = fstatSync(fd).size;
  let closed = false;
  return {
    write(chunk) {
      if (closed) return;
      try {
        if (size > 0 && size + chunk.length > maxBytes) {
          renameSync(path, `${path}.1`);
          closeSync(fd);
          fd = openSync(path, "a", 0o600);
          size = 0;
        }
        size += writeSync(fd, chunk);
      } catch {
        // ENOSPC: nothing that could be done here would help.
      }
    },
    close() {
      if (closed) return;
      closed = true;
      closeSync(fd);
    },
  };
}
