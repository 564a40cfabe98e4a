import { spiffeError } from "./spiffe-errors.ts";
import { decodeUtf8 } from "./utf8.ts";

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
/** Without a prototype, so that "__proto__" and "constructor" are keys like any other. */
export type JsonObject = { readonly [key: string]: JsonValue };

const MAX_DEPTH = 32;

/**
 * RFC 8259 and no more: `JSON.parse` takes the last of two equal keys, where another reader of the same token takes
 * the first (RFC 7515 §4), and nests as deep as the stack allows.
 * @throws ERR_JWT_MALFORMED
 */
export function parseStrictJson(text: string): JsonValue {
  const cursor = { text, at: 0 };
  const value = readValue(cursor, 0);
  skipSpace(cursor);
  if (cursor.at !== text.length) throw jsonError("text after the value");
  return value;
}

/** @throws ERR_JWT_MALFORMED for anything but an object in UTF-8 */
export function parseJsonObject(bytes: Uint8Array, what: string): JsonObject {
  const text = decodeUtf8(bytes);
  if (text === undefined) throw jsonError("not UTF-8");
  const value = parseStrictJson(text);
  if (!isJsonObject(value)) throw jsonError(`${what} is not an object`);
  return value;
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

interface Cursor {
  readonly text: string;
  at: number;
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** Plain runs in one step each: JavaScriptCore gives up on long repetitions of an alternative, and answers "no match". */
const STRING = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y;
const LONE_SURROGATE = /\p{Surrogate}/u;
const SPACE = /[ \t\n\r]*/y;
const LITERALS: readonly (readonly [string, JsonValue])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

function readValue(cursor: Cursor, depth: number): JsonValue {
  if (depth > MAX_DEPTH) throw jsonError(`nesting is deeper than ${MAX_DEPTH} levels`);
  skipSpace(cursor);
  const first = cursor.text[cursor.at];
  if (first === "{") return readObject(cursor, depth);
  if (first === "[") return readArray(cursor, depth);
  if (first === '"') return readString(cursor);
  for (const [word, value] of LITERALS) {
    if (cursor.text.startsWith(word, cursor.at)) {
      cursor.at += word.length;
      return value;
    }
  }
  const number = Number(match(NUMBER, cursor));
  if (!Number.isFinite(number)) throw jsonError("number is too large");
  return number;
}

function readObject(cursor: Cursor, depth: number): JsonObject {
  const members: Record<string, JsonValue> = Object.create(null);
  cursor.at++;
  for (let first = true; !taken("}", cursor); first = false) {
    if (!first) expect(",", cursor);
    skipSpace(cursor);
    const key = readString(cursor);
    if (key in members) throw jsonError(`duplicate key "${key.slice(0, 40)}"`);
    expect(":", cursor);
    members[key] = readValue(cursor, depth + 1);
  }
  return Object.freeze(members);
}

function readArray(cursor: Cursor, depth: number): readonly JsonValue[] {
  const items: JsonValue[] = [];
  cursor.at++;
  for (let first = true; !taken("]", cursor); first = false) {
    if (!first) expect(",", cursor);
    items.push(readValue(cursor, depth + 1));
  }
  return Object.freeze(items);
}

function readString(cursor: Cursor): string {
  const text = String(JSON.parse(match(STRING, cursor)));
  // RFC 8259 §8.2: what others make of one is not to be foreseen, and it has no UTF-8.
  if (LONE_SURROGATE.test(text)) throw jsonError("a surrogate without its pair");
  return text;
}

function match(pattern: RegExp, cursor: Cursor): string {
  pattern.lastIndex = cursor.at;
  const found = pattern.exec(cursor.text)?.[0];
  if (found === undefined) throw jsonError(`unexpected text at ${cursor.at}`);
  cursor.at += found.length;
  return found;
}

function skipSpace(cursor: Cursor): void {
  match(SPACE, cursor);
}

function taken(character: string, cursor: Cursor): boolean {
  skipSpace(cursor);
  if (cursor.text[cursor.at] !== character) return false;
  cursor.at++;
  return true;
}

function expect(character: string, cursor: Cursor): void {
  if (!taken(character, cursor)) throw jsonError(`wanted "${character}" at ${cursor.at}`);
}

function jsonError(what: string) {
  return spiffeError("ERR_JWT_MALFORMED", `malformed JSON: ${what}`);
}
