/**
 * Where the text of a literal block starts: behind its indentation, in the line after the header. `offset` is that of
 * the `|`, `value` the block's text without indentation (YAML 1.2 §8.1.1: found from the first line that is not empty,
 * or written in the header).
 */
export function blockTextOffset(text: string, offset: number, value: string): number {
  const header = text.indexOf("\n", offset);
  if (header < 0) return offset;
  const indentation = leadingSpaces(text.slice(header + 1)) - leadingSpaces(value);
  return header + 1 + Math.max(indentation, 0);
}

/** Of the first line that is not empty. */
function leadingSpaces(text: string): number {
  return /^(?: *\r?\n)*( *)/.exec(text)?.[1]?.length ?? 0;
}
