import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { POLICY_ERRORS } from "@symbolon/policy";
import { SPIFFE_ERRORS } from "@symbolon/spiffe/core";
import { PRODUCT_ERRORS } from "../packages/symbolon/src/core/index.ts";
import { findingsPage } from "../tools/generate-reference.ts";
import { librarySurface, SURFACE_PAGE } from "../tools/library-surface.ts";

const ROOT = resolve(import.meta.dir, "..");
const pages = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...new Bun.Glob("{docs,examples,bench,packages}/**/*.md").scanSync(ROOT),
].filter((page) => !page.includes("node_modules"));

describe("documentation", () => {
  test("the pages that are looked at include the decisions, the walkthroughs and the reference", () => {
    for (const folder of ["docs/adr/", "docs/walkthroughs/", "docs/reference/", "examples/"])
      expect({ folder, found: pages.some((page) => page.startsWith(folder)) }).toEqual({ folder, found: true });
  });

  test("every relative link leads to a file, and every #symbol behind one is in that file", () => {
    const broken = pages.flatMap((page) => {
      const text = readFileSync(join(ROOT, page), "utf8");
      return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
        .map((match) => match[1] ?? "")
        .filter((link) => !/^[a-z]+:/.test(link) && !link.startsWith("#"))
        .filter((link) => !leadsSomewhere(page, link))
        .map((link) => `${page}: ${link}`);
    });
    expect(broken).toEqual([]);
  });

  test("docs/reference/errors.md lists every error code with its cause and fix, and no other", () => {
    const text = readFileSync(join(ROOT, "docs/reference/errors.md"), "utf8");
    const documented = [...text.matchAll(/^\| `(ERR_\w+)` \| (.*) \| (.*) \| (.*) \|$/gm)];
    const codes = documented.map((match) => match[1] ?? "");
    expect(codes.toSorted()).toEqual(Object.keys({ ...SPIFFE_ERRORS, ...POLICY_ERRORS, ...PRODUCT_ERRORS }).sort());
    for (const [, code, status, cause, fix] of documented) {
      expect({ code, cause: cause !== "", fix: fix !== "" }).toEqual({ code, cause: true, fix: true });
      const row = ({ ...SPIFFE_ERRORS, ...POLICY_ERRORS, ...PRODUCT_ERRORS } as Record<string, { status: string }>)[
        code ?? ""
      ];
      expect(status).toBe(row?.status);
    }
  });

  test('docs/reference/findings.md is what the catalogues of findings say (else run "npm run docs")', () => {
    const upToDate = readFileSync(join(ROOT, "docs/reference/findings.md"), "utf8") === findingsPage();
    expect(upToDate ? "up to date" : 'stale: run "npm run docs"').toBe("up to date");
  });

  test('what @symbolon/spiffe exports is what docs/reference/library-surface.txt says (meant? "npm run docs")', () => {
    expect(librarySurface().split("\n")).toEqual(readFileSync(SURFACE_PAGE, "utf8").split("\n"));
  });
});

function leadsSomewhere(page: string, link: string): boolean {
  const [path = "", symbol] = link.split("#");
  const file = join(ROOT, dirname(page), path);
  if (!existsSync(file)) return false;
  return !symbol || !file.endsWith(".ts") || new RegExp(`\\b${symbol}\\b`).test(readFileSync(file, "utf8"));
}
