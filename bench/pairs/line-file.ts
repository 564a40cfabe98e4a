import { openSync, writeSync } from "node:fs";

const WRITE_BYTES = 64 * 1024;
const WRITE_MS = 1000;

/** Lines appended to a file, many with one write: what an access log costs. */
export function createLineFile(path: string): { write(line: string): void } {
  const file = openSync(path, "a");
  let waiting = "";
  const flush = (): void => {
    if (waiting.length > 0) writeSync(file, waiting);
    waiting = "";
  };
  setInterval(flush, WRITE_MS).unref();
  return {
    write(line) {
      waiting += `${line}\n`;
      if (waiting.length >= WRITE_BYTES) flush();
    },
  };
}
