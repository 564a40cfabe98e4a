import { sleep, systemClock } from "@symbolon/spiffe/core";
import type { MeshPaths } from "../core/index.ts";
import { accessFiles, LineReader, olderFile } from "./access-files.ts";

const FOLLOW_MS = 200;
const WRITTEN_AT_ONCE = 64 * 1024;

interface AccessQuery {
  /** Absent: every pod of the mesh, also those that are gone. */
  readonly pods?: readonly { readonly namespace: string; readonly name: string }[];
  /** Absent: all that are kept. Of each pod. */
  readonly tail?: number;
  readonly follow: boolean;
}

/** Prints records of several pods in the order in which they ended; then, following, as they come. */
export async function printAccessRecords(
  paths: MeshPaths,
  { pods, tail, follow }: AccessQuery,
  write: (text: string) => void,
): Promise<void> {
  const readers = new Map<string, LineReader>();
  const streams: Iterator<string>[] = [];
  for (const file of accessFiles(paths, pods)) {
    const reader = new LineReader(file);
    if (tail !== undefined) reader.skipTo(tail);
    readers.set(file, reader);
    streams.push(linesOf(tail === undefined ? [new LineReader(olderFile(file)), reader] : [reader]));
  }
  writeLines(inOrder(streams), write);
  while (follow) {
    await sleep(systemClock, FOLLOW_MS);
    for (const file of accessFiles(paths, pods)) if (!readers.has(file)) readers.set(file, new LineReader(file));
    writeLines(inOrder([...readers.values()].map((reader) => linesOf([reader]))), write);
  }
  for (const reader of readers.values()) reader.close();
}

function writeLines(lines: Iterable<string>, write: (text: string) => void): void {
  let text = "";
  for (const line of lines) {
    text += `${line}\n`;
    if (text.length < WRITTEN_AT_ONCE) continue;
    write(text);
    text = "";
  }
  if (text !== "") write(text);
}

function* linesOf(readers: readonly LineReader[]): Generator<string> {
  for (const reader of readers) for (let lines = reader.read(); lines.length > 0; lines = reader.read()) yield* lines;
}

/** Each stream is in the order of its ends; so is what comes out. */
function* inOrder(streams: readonly Iterator<string>[]): Generator<string> {
  const heads = streams.flatMap((stream) => {
    const { value, done } = stream.next();
    return done ? [] : [{ stream, line: String(value), endMs: endOf(String(value)) }];
  });
  while (heads.length > 0) {
    const first = heads.reduce((earliest, head) => (head.endMs < earliest.endMs ? head : earliest));
    yield first.line;
    const { value, done } = first.stream.next();
    if (done) heads.splice(heads.indexOf(first), 1);
    else {
      first.line = String(value);
      first.endMs = endOf(first.line);
    }
  }
}

/** When what a line tells of had ended; 0 for what is no record. */
function endOf(line: string): number {
  try {
    const { start, durationMs } = JSON.parse(line) as { readonly start?: string; readonly durationMs?: number };
    return Date.parse(start ?? "") + (durationMs ?? 0) || 0;
  } catch {
    return 0;
  }
}
