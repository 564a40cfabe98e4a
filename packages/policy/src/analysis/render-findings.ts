import { escapeControls, type Finding, formatFinding } from "../document/index.ts";
import type { AnalysisFinding } from "./analysis-finding.ts";

/**
 * Findings for a terminal: the line that editors and other tools understand, the written line with a caret below the
 * place, what to do, and the codes of Istio and Kiali. `texts` has the text of each file; without it no line is shown.
 */
export function renderFindings(
  findings: readonly AnalysisFinding[],
  texts: ReadonlyMap<string, string> = new Map(),
): string {
  const lines = new Map([...texts].map(([file, text]) => [file, text.split("\n")]));
  const blocks = findings.map((finding) => {
    const { object, fix, istioCode, kialiCode } = finding;
    const where = `${object.kind} ${object.namespace === "" ? "" : `${object.namespace}/`}${object.name}`;
    const codes = [istioCode, kialiCode].filter((code) => code !== undefined).join(", ");
    return [
      formatFinding(finding),
      ...caretLines(finding, lines.get(finding.position.file) ?? []),
      `  in ${escapeControls(where)}${codes === "" ? "" : ` (${codes})`}`,
      `  fix: ${escapeControls(fix)}`,
    ].join("\n");
  });
  return [...blocks, summaryText(findings)].join("\n\n");
}

/** "2 errors, 1 warning, 0 infos in 2 objects" */
function summaryText(findings: readonly AnalysisFinding[]): string {
  const counts = (["error", "warning", "info"] as const).map((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    return `${count} ${severity}${count === 1 ? "" : "s"}`;
  });
  const objects = new Set(findings.map(({ object }) => `${object.kind} ${object.namespace} ${object.name}`)).size;
  return `${counts.join(", ")} in ${objects} ${objects === 1 ? "object" : "objects"}`;
}

function caretLines({ position }: Finding, lines: readonly string[]): string[] {
  const text = lines[position.line - 1];
  if (text === undefined || position.column > text.length + 1) return [];
  // A long line is cut so that the place is seen.
  const start = position.column > WIDTH ? position.column - WIDTH / 2 : 0;
  const shown = `${start > 0 ? "…" : ""}${text.slice(start, start + WIDTH)}`.replace(NOT_ONE_COLUMN, " ");
  const gutter = String(position.line);
  const indent = position.column - 1 - start + (start > 0 ? 1 : 0);
  return [`  ${gutter} | ${shown.trimEnd()}`, `  ${" ".repeat(gutter.length)} | ${" ".repeat(indent)}^`];
}

/** Findings for programs; the shape is stable, new fields may come. */
export function findingsToJson(findings: readonly AnalysisFinding[]): string {
  const list = findings.map(({ code, severity, message, path, position, object, fix, istioCode, kialiCode }) => ({
    code,
    severity,
    message,
    path,
    file: position.file,
    line: position.line,
    column: position.column,
    object: { kind: object.kind, namespace: object.namespace, name: object.name },
    fix,
    ...(istioCode === undefined ? {} : { istioCode }),
    ...(kialiCode === undefined ? {} : { kialiCode }),
  }));
  return JSON.stringify({ findings: list }, undefined, 2);
}

const WIDTH = 120;
/** Control characters, tabs among them: each becomes one blank, so that the caret stays below its place. */
const NOT_ONE_COLUMN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;
