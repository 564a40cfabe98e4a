/** `npm run docs`: docs/reference/findings.md from the catalogues of findings, and the surface of the library. Its output is committed; a test compares. */
import { resolve } from "node:path";
import { ANALYSIS_CODES, FINDING_CODES, type FindingInfo } from "@symbolon/policy";
import { MESH_FINDING_CODES } from "../packages/symbolon/src/mesh/index.ts";
import { librarySurface, SURFACE_PAGE } from "./library-surface.ts";

const PAGE = resolve(import.meta.dir, "../docs/reference/findings.md");

/** What the first two digits of a code stand for. */
const AREAS: Readonly<Record<string, string>> = {
  SYM00: "Text",
  SYM01: "Fields and values",
  SYM02: "Objects",
  SYM03: "Selectors",
  SYM04: "PeerAuthentication",
  SYM05: "AuthorizationPolicy",
  SYM06: "RequestAuthentication",
  SYM07: "DestinationRule",
  SYM08: "MeshConfig",
  SYM10: "Analysis of policies together",
  SYM20: "Kinds and owners",
  SYM21: "Workloads",
  SYM22: "Services",
  SYM23: "Between objects",
};

const INTRODUCTION = `# Findings

What is wrong with a manifest. Commands print \`FILE:LINE:COLUMN: SEVERITY CODE FIELD: MESSAGE\`; the message says what this case was about, this page what the code stands for.
An *error* refuses everything that was given with it, and what was in force stays. A *warning* is accepted and probably not meant. An *info* is accepted.
Codes are stable: a number is never used again for something else. A case may be milder than its code: the printed severity counts.

This page is made by \`npm run docs\`.
`;

export function findingsPage(): string {
  const catalogues = { ...FINDING_CODES, ...ANALYSIS_CODES, ...MESH_FINDING_CODES };
  const rows: readonly (readonly [string, FindingInfo])[] = Object.entries(catalogues);
  const prefixes = [...new Set(rows.map(([code]) => code.slice(0, 5)))].sort();
  const sections = prefixes.map((prefix) => {
    const lines = rows
      .filter(([code]) => code.startsWith(prefix))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([code, { title, severity, fix }]) => `| \`${code}\` | ${severity} | ${cell(title)} | ${cell(fix)} |`);
    const table = ["| code | severity | what | fix |", "| --- | --- | --- | --- |", ...lines];
    return `## ${AREAS[prefix] ?? `${prefix}xx`}\n\n${table.join("\n")}\n`;
  });
  return [INTRODUCTION, ...sections].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}

if (import.meta.main) {
  await Bun.write(PAGE, findingsPage());
  await Bun.write(SURFACE_PAGE, librarySurface());
}
