import { isPathTemplate, type PathTemplate, parsePathTemplate } from "../path-template.ts";
import { parseStringPattern, patternMatches, type StringPattern } from "../string-match.ts";
import { TextTrie } from "./text-trie.ts";

export interface StringValuesOptions {
  /** `*` matches the empty text as well: of headers, hosts and methods it asks presence alone (istio-security §3.4). */
  readonly emptyIsPresent?: boolean;
  /** Values may be path templates. */
  readonly templates?: boolean;
}

/** OR over the values of one field; ten thousand values cost what ten cost. */
export class StringValues {
  readonly #exact: ReadonlySet<string> | undefined;
  /** When they are few. */
  readonly #fewExact: readonly string[];
  readonly #patterns: readonly StringPattern[];
  readonly #prefixes: TextTrie<true> | undefined;
  readonly #suffixes: TextTrie<true> | undefined;
  readonly #templates: readonly PathTemplate[];
  readonly #matchesEmpty: boolean;
  readonly #matchesPresent: boolean;

  constructor(values: readonly string[], { emptyIsPresent = false, templates = false }: StringValuesOptions = {}) {
    const isTemplate = (value: string) => templates && isPathTemplate(value);
    const patterns = values.filter((value) => !isTemplate(value)).map(parseStringPattern);
    this.#templates = values.filter(isTemplate).map(parsePathTemplate);
    this.#matchesPresent = patterns.some(({ kind }) => kind === "present");
    this.#matchesEmpty = this.#matchesPresent && emptyIsPresent;
    const exact = textsOf(patterns, "exact");
    this.#fewExact = exact.length > LINEAR_UP_TO ? [] : exact;
    this.#exact = exact.length > LINEAR_UP_TO ? new Set(exact) : undefined;
    const affixes = patterns.filter(({ kind }) => kind === "prefix" || kind === "suffix");
    const isMany = affixes.length > LINEAR_UP_TO;
    this.#patterns = isMany ? [] : affixes;
    this.#prefixes = isMany ? trieOf(textsOf(affixes, "prefix"), "prefix") : undefined;
    this.#suffixes = isMany ? trieOf(textsOf(affixes, "suffix"), "suffix") : undefined;
  }

  matches(text: string): boolean {
    if (this.#matchesPresent && (text !== "" || this.#matchesEmpty)) return true;
    // Not by for-of: this is the innermost loop of a decision.
    const exact = this.#fewExact;
    for (let index = 0; index < exact.length; index++) if (exact[index] === text) return true;
    if (this.#exact?.has(text)) return true;
    const patterns = this.#patterns;
    for (let index = 0; index < patterns.length; index++)
      if (patternMatches(patterns[index] as StringPattern, text)) return true;
    if (this.#prefixes?.has(text) || this.#suffixes?.has(text)) return true;
    for (const template of this.#templates) if (template.matches(text)) return true;
    return false;
  }
}

function textsOf(patterns: readonly StringPattern[], kind: "exact" | "prefix" | "suffix"): string[] {
  return patterns.flatMap((pattern) => (pattern.kind === kind ? [pattern.text] : []));
}

function trieOf(keys: readonly string[], direction: "prefix" | "suffix"): TextTrie<true> | undefined {
  if (keys.length === 0) return undefined;
  const trie = new TextTrie<true>(direction);
  for (const key of keys) trie.add(key, true);
  return trie;
}

/** Below this many, comparing one after another is faster than a trie. */
const LINEAR_UP_TO = 8;
