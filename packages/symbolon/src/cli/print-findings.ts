import { shortPath } from "./short-path.ts";

/** Findings on standard error, with paths as the user would type them. */
export function printFindings(findings: readonly string[]): void {
  for (const finding of findings) {
    const [, file, rest] = /^(.+?)(:\d+:\d+: .*)$/.exec(finding) ?? [];
    console.error(file === undefined ? finding : `${shortPath(file)}${rest}`);
  }
}
