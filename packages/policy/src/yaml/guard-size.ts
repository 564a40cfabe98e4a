import { createFinding, type Finding } from "../document/index.ts";
import { MAX_DEPTH, MAX_DOCUMENT_LENGTH, MAX_TEXT_LENGTH } from "./limits.ts";

/** Looked at before parsing, because parsing is what costs. */
export function findOversized(text: string, file: string): Finding | undefined {
  const at = (line: number) => ({ path: "", position: { file, line, column: 1 } });
  if (text.length > MAX_TEXT_LENGTH)
    return createFinding(
      "SYM0005",
      at(1),
      `the text has ${text.length} characters; at most ${MAX_TEXT_LENGTH} are read`,
    );
  // YAML 1.2 §9.1.2: "---" or "..." at the start of a line ends a document wherever it stands, also inside a scalar.
  const marker = /^(?:---|\.\.\.)(?=\s|$)/gm;
  let start = 0;
  for (let end = 0; start < text.length; start = end) {
    marker.lastIndex = start + 1;
    end = marker.exec(text)?.index ?? text.length;
    if (end - start > MAX_DOCUMENT_LENGTH) {
      const line = text.slice(0, start).split("\n").length;
      return createFinding(
        "SYM0005",
        at(line),
        `the document has ${end - start} characters; at most ${MAX_DOCUMENT_LENGTH} are read`,
      );
    }
  }
  return undefined;
}

/**
 * A rough upper bound of the nesting, in linear time, so that a megabyte of "[" or "- " never reaches the recursive
 * composer. Brackets inside strings count too, which is why the bound is generous.
 */
export function findTooDeep(text: string, file: string): Finding | undefined {
  let line = 1;
  let open = 0;
  let dashes = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index);
    if (character === NEWLINE) {
      line += 1;
      dashes = 0;
    } else if (character === OPEN_BRACKET || character === OPEN_BRACE) open += 1;
    else if ((character === CLOSE_BRACKET || character === CLOSE_BRACE) && open > 0) open -= 1;
    else if (
      (character === DASH || character === QUESTION || character === COLON) &&
      text.charCodeAt(index + 1) === SPACE
    )
      dashes += 1;
    if (open > ROUGH_DEPTH || dashes > ROUGH_DEPTH) {
      const place = { path: "", position: { file, line, column: 1 } };
      return createFinding("SYM0005", place, `the document is nested too deeply; at most ${MAX_DEPTH} levels are read`);
    }
  }
  return undefined;
}

const NEWLINE = 10;
const SPACE = 32;
const DASH = 45;
const COLON = 58;
const QUESTION = 63;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const ROUGH_DEPTH = MAX_DEPTH * 32;
