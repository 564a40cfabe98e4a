import { type Document, LineCounter, parseAllDocuments } from "yaml";
import type { DocumentNode, Finding, SourcePosition } from "../document/index.ts";
import { createFinding, createFindingCollector, hasErrors } from "../document/index.ts";
import { convertDocument } from "./convert-document.ts";
import { findOversized, findTooDeep } from "./guard-size.ts";
import { MAX_SYNTAX_ERRORS } from "./limits.ts";
import { describeSyntaxError } from "./syntax-errors.ts";

export interface YamlDocuments {
  /** The documents without error, in order; empty ones (only comments) are left out. */
  readonly documents: readonly DocumentNode[];
  readonly findings: readonly Finding[];
}

/**
 * Reads YAML or JSON text, one document or several. Never throws on text: whatever is wrong is a finding with file,
 * line and column, and a document with an error is left out as a whole.
 *
 * The data model is JSON's, by the YAML 1.2 core schema. Kubernetes reads YAML 1.1 instead, where unquoted `yes`, `on`,
 * `0777` or `1_000` are booleans and other numbers. A scalar on which the two differ keeps its 1.2 reading and is marked
 * as ambiguous: every typed reader refuses it, so no file can mean one thing here and another one in a cluster.
 * Merge keys, tags that change a value, and duplicate keys are refused for the same reason.
 *
 * `start` is where each line of the text starts in its file, for text that is indented in another document.
 */
export function parseYamlDocuments(
  text: string,
  file: string,
  start: Pick<SourcePosition, "line" | "column"> = { line: 1, column: 1 },
): YamlDocuments {
  const place = (line: number, column: number) => {
    return { file, line: Math.max(line, 1) + start.line - 1, column: Math.max(column, 1) + start.column - 1 };
  };
  const oversized = findOversized(text, file) ?? findTooDeep(text, file);
  if (oversized) {
    const { line, column } = oversized.position;
    return { documents: [], findings: [{ ...oversized, position: place(line, column) }] };
  }
  const lines = new LineCounter();
  const parsed = parseAll(text, lines);
  if (!parsed) {
    const whole = { path: "", position: place(1, 1) };
    return { documents: [], findings: [createFinding("SYM0005", whole, "the text is too deeply nested to be read")] };
  }
  const documents: DocumentNode[] = [];
  const findings: Finding[] = [];
  for (const document of parsed) {
    const positionAt = (offset: number) => {
      const { line, col } = lines.linePos(Math.min(offset, text.length));
      return place(line, col);
    };
    // Tags are judged in the conversion; what else the library only warns about would change the reading.
    const warnings = document.warnings.filter((warning) => warning.code !== "TAG_RESOLVE_FAILED");
    const broken = [...document.errors, ...warnings].slice(0, MAX_SYNTAX_ERRORS);
    if (broken.length > 0) {
      findings.push(
        ...broken.map((error) => describeSyntaxError(error, { text, contents: document.contents, positionAt })),
      );
      continue;
    }
    const collector = createFindingCollector();
    const node = convertDocument(document, { text, positionAt }, collector);
    findings.push(...collector.findings);
    if (node && !hasErrors(collector.findings)) documents.push(node);
  }
  return { documents, findings };
}

/** `undefined` when the library, which composes nested collections by recursion, ran out of stack. */
function parseAll(text: string, lineCounter: LineCounter): readonly Document.Parsed[] | undefined {
  try {
    return parseAllDocuments(text, {
      lineCounter,
      version: "1.2",
      schema: "core",
      merge: false,
      // Ours instead: it compares keys as Kubernetes sees them, names both positions, and takes linear time.
      uniqueKeys: false,
      keepSourceTokens: false,
      prettyErrors: false,
      logLevel: "silent",
    });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
