import { type ErrorCode, isCollection, isPair, isScalar, type ParsedNode, type YAMLError } from "yaml";
import { createFinding, type Finding, type SourcePosition } from "../document/index.ts";

/** What was wanted, for the errors that people make; the library's own words for the rest. */
const WANTED: Readonly<Partial<Record<ErrorCode, string>>> = {
  BAD_DIRECTIVE: "this directive is not supported: wanted a document that starts with ---",
  BLOCK_AS_IMPLICIT_KEY:
    'a nested "key: value" cannot stand on the line of its parent: put it on a line of its own, indented, or quote the value',
  BLOCK_IN_FLOW: "a block object or list cannot stand inside { } or [ ]: wanted a flow value",
  BAD_ALIAS: "an alias needs the name of an anchor and nothing else: wanted *name",
  BAD_DQ_ESCAPE:
    'unknown escape in a string in double quotes: wanted one of \\n, \\t, \\", \\\\, \\uXXXX, or single quotes',
  BAD_SCALAR_START: "a plain value cannot start with this character: quote the value",
  KEY_OVER_1024_CHARS: "the key is longer than 1024 characters",
  MULTILINE_IMPLICIT_KEY: 'a key must fit on one line: wanted "key: value" here, is a colon missing?',
  MULTIPLE_ANCHORS: "a value has at most one anchor",
  MULTIPLE_TAGS: "a value has at most one tag",
};

export interface SyntaxErrorContext {
  readonly text: string;
  /** What the library could read of the document. */
  readonly contents: ParsedNode | null;
  positionAt(offset: number): SourcePosition;
}

export function describeSyntaxError(error: YAMLError, { text, contents, positionAt }: SyntaxErrorContext): Finding {
  // An open quote swallows the rest of the text: where it opens says more than where the text ends.
  const open = isOpenQuote(error) ? startOfLastScalar(contents) : undefined;
  const offset = open ?? error.pos[0];
  const place = { path: "", position: positionAt(offset) };
  if (error.code === "TAB_AS_INDENT" || (error.code !== "MISSING_CHAR" && indentedByTab(text, offset)))
    return createFinding("SYM0002", place, "a tab stands in the indentation; YAML allows only spaces there");
  const code = error.code === "BAD_DIRECTIVE" ? "SYM0007" : "SYM0001";
  return createFinding(code, place, messageOf(error));
}

function messageOf(error: YAMLError): string {
  const said = error.message.replace(/\s+/g, " ").trim().slice(0, MAX_SAID);
  if (error.code === "BAD_INDENT" && said.startsWith("All "))
    return `the line is indented differently from its neighbours: entries of one object or list start in the same column (${lowerFirst(said)})`;
  if (isOpenQuote(error)) return `this string has no closing quote (${lowerFirst(said)})`;
  const wanted = WANTED[error.code];
  return wanted === undefined ? lowerFirst(said) : `${wanted} (${lowerFirst(said)})`;
}

function isOpenQuote(error: YAMLError): boolean {
  return error.code === "MISSING_CHAR" && error.message.startsWith("Missing closing ");
}

function startOfLastScalar(contents: ParsedNode | null): number | undefined {
  let node: unknown = contents;
  while (isCollection(node)) {
    const last = node.items.at(-1);
    node = isPair(last) ? (last.value ?? last.key) : last;
  }
  return isScalar(node) ? node.range?.[0] : undefined;
}

function indentedByTab(text: string, offset: number): boolean {
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  return /^ *\t/.test(text.slice(lineStart, lineStart + 256));
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}

/** Some of the library's messages quote the text, which may be long. */
const MAX_SAID = 200;
