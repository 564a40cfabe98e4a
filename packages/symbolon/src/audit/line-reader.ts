const NEWLINE = 0x0a;

/**
 * Whole lines of a byte stream, without their newline; what follows the last newline comes as `rest`.
 * A line is valid until the next one is asked for.
 */
export async function readLines(
  chunks: AsyncIterable<Buffer>,
  onLine: (line: Buffer) => void,
): Promise<{ readonly rest: Buffer }> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      onLine(bytes.subarray(start, end));
      start = end + 1;
    }
    rest = Buffer.from(bytes.subarray(start));
  }
  return { rest };
}
