import { relative } from "node:path";

/** Findings on standard error, with paths as the user would type them. */
export function printFindings(findings: readonly string[]): void {
  for (const finding of findings) {
    const [, file, rest] = /^(.+?)(:\d+:\d+: .*)$/.exec(finding) ?? [];
    const short = file?.startsWith("/") ? relative(process.cwd(), file) : undefined;
    console.error(short && !short.startsWith("..") ? `${short}${rest}` : finding);
  }
}
