import { productError } from "../core/index.ts";

/** Words of a command line with a shell's quotes (`'…'`, `"…"`, `\`), without its expansions. */
export function splitWords(text: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? "";
    if (char === "\\" && quote !== "'" && i + 1 < text.length) word = (word ?? "") + text[++i];
    else if (quote !== undefined) {
      if (char === quote) quote = undefined;
      else word += char;
    } else if (char === "'" || char === '"') {
      quote = char;
      word ??= "";
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + char;
  }
  if (quote !== undefined)
    throw productError("ERR_IMAGE_MAP_INVALID", `command "${text}" has an open quote (${quote})`);
  if (word !== undefined) words.push(word);
  return words;
}
