import { relative } from "node:path";

/** A path as the user would type it: relative to the current directory when it is below. */
export function shortPath(file: string): string {
  const short = file.startsWith("/") ? relative(process.cwd(), file) : file;
  return short === "" || short.startsWith("..") ? file : short;
}
