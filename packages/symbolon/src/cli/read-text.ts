import { closeSync, openSync, readSync } from "node:fs";
import { CommandExit, EXIT } from "./exit-status.ts";
import { systemErrorText } from "./system-error-text.ts";

/** Of bytes: more than any text that is read on (16 Mi UTF-16 units) can have, and less than a device would give. */
export const MAX_INPUT_BYTES = 64 * 1024 * 1024;

const CHUNK_BYTES = 64 * 1024;

/** A whole file, pipe or device, up to the limit. @param name as the user knows it @throws CommandExit, bad input */
export function readTextOf(file: string, name: string): string {
  try {
    return decodeText(readBytes(file, name), name);
  } catch (error) {
    throw error instanceof CommandExit ? error : unreadable(name, systemErrorText(error));
  }
}

/** @throws CommandExit, bad input */
export async function readStandardInput(): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of Bun.stdin.stream()) {
    size += chunk.length;
    if (size > MAX_INPUT_BYTES) throw tooLarge("-");
    chunks.push(chunk);
  }
  return decodeText(Buffer.concat(chunks), "-");
}

export function unreadable(name: string, why: string): CommandExit {
  return new CommandExit(EXIT.badInput, `error: cannot read "${name}": ${why}`);
}

function readBytes(file: string, name: string): Uint8Array {
  const descriptor = openSync(file, "r");
  try {
    const chunks: Uint8Array[] = [];
    for (let size = 0; size <= MAX_INPUT_BYTES; ) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const length = readSync(descriptor, chunk);
      if (length === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, length));
      size += length;
    }
    throw tooLarge(name);
  } finally {
    closeSync(descriptor);
  }
}

function decodeText(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw unreadable(name, "it is not UTF-8 text");
  }
}

function tooLarge(name: string): CommandExit {
  return unreadable(name, `it has more than ${MAX_INPUT_BYTES / 1024 / 1024} MiB`);
}
