import type { Writable } from "node:stream";

/** What waits for a reader that does not read; from then on the writer waits with it. */
const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * Writes lines without holding up the process, as `console.log` does on a pipe that nobody reads: signals are heard and
 * other work goes on.
 * @returns at once, or when the reader has taken what waits, or when `signal` is aborted
 */
export async function writeLines(stream: Writable, lines: readonly string[], signal: AbortSignal): Promise<void> {
  stream.write(lines.map((line) => `${line}\n`).join(""));
  if (stream.writableLength <= MAX_WAITING_BYTES || signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => resolve();
  stream.once("drain", done);
  signal.addEventListener("abort", done, { once: true });
  await promise;
  stream.off("drain", done);
  signal.removeEventListener("abort", done);
}
