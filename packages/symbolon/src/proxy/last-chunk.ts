import type { HeadWriter } from "./http1/index.ts";

/** @param dropped names in lower case that do not go on, in trailers as in the head */
export function writeLastChunk(
  writer: HeadWriter,
  trailers: readonly (readonly [string, string])[],
  dropped?: ReadonlySet<string>,
): void {
  writer.text("0\r\n");
  for (const [name, value] of trailers) if (!dropped?.has(name.toLowerCase())) writer.text(`${name}: ${value}\r\n`);
  writer.text("\r\n");
}
