import { isPathTemplate, parsePathTemplate } from "../path-template.ts";
import { parseStringPattern, type StringPattern } from "../string-match.ts";
import { TextTrie } from "./text-trie.ts";

export interface StringValuesOptions {
  /** `*` matches the empty text as well: of headers, hosts and methods it asks presence alone (istio-security §3.4). */
  readonly emptyIsPresent?: boolean;
  /** Values may be path templates. */
  readonly templates?: boolean;
}

export type TextTest = (text: string) => boolean;

/**
 * OR over the values of one field; ten thousand values cost what ten cost. One closure for each kind of value that is
 * there, because a decision spends most of its time here.
 */
export function compileStringValues(
  values: readonly string[],
  { emptyIsPresent = false, templates = false }: StringValuesOptions = {},
): TextTest {
  const isTemplate = (value: string) => templates && isPathTemplate(value);
  const patterns = values.filter((value) => !isTemplate(value)).map(parseStringPattern);
  if (patterns.some(({ kind }) => kind === "present") && emptyIsPresent) return () => true;
  const tests = [
    ...patterns.filter(({ kind }) => kind === "present").map((): TextTest => (text) => text !== ""),
    ...exactTests(textsOf(patterns, "exact")),
    ...affixTests(textsOf(patterns, "prefix"), "prefix"),
    ...affixTests(textsOf(patterns, "suffix"), "suffix"),
    ...values.filter(isTemplate).map((value) => parsePathTemplate(value).matches),
  ];
  return anyOf(tests);
}

function exactTests(texts: readonly string[]): TextTest[] {
  if (texts.length > LINEAR_UP_TO) {
    const set = new Set(texts);
    return [(text) => set.has(text)];
  }
  return texts.map(
    (wanted): TextTest =>
      (text) =>
        text === wanted,
  );
}

function affixTests(texts: readonly string[], direction: "prefix" | "suffix"): TextTest[] {
  if (texts.length > LINEAR_UP_TO) {
    const trie = new TextTrie<true>(direction);
    for (const text of texts) trie.add(text, true);
    return [(text) => trie.has(text)];
  }
  if (direction === "prefix")
    return texts.map(
      (wanted): TextTest =>
        (text) =>
          text.startsWith(wanted),
    );
  return texts.map(
    (wanted): TextTest =>
      (text) =>
        text.endsWith(wanted),
  );
}

function anyOf(tests: readonly TextTest[]): TextTest {
  const [first, second] = tests;
  if (!first) return () => false;
  if (!second) return first;
  if (tests.length === 2) return (text) => first(text) || second(text);
  return (text) => {
    for (let index = 0; index < tests.length; index++) if ((tests[index] as TextTest)(text)) return true;
    return false;
  };
}

function textsOf(patterns: readonly StringPattern[], kind: "exact" | "prefix" | "suffix"): string[] {
  return patterns.flatMap((pattern) => (pattern.kind === kind ? [pattern.text] : []));
}

/** Below this many, comparing one after another is faster than a set or a trie. */
const LINEAR_UP_TO = 8;
