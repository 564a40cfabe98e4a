/** Where a value was written; line and column count from 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * A document as it was written: JSON's data model with the position of every value. The engine knows no YAML;
 * whoever reads text (`@symbolon/policy/yaml`) or an API's answer produces this tree.
 */
export type DocumentNode = MapNode | ListNode | StringNode | NumberNode | BooleanNode | NullNode;

export interface MapNode {
  readonly kind: "map";
  readonly position: SourcePosition;
  /** In the order of the text. A producer may leave duplicates in: the object reader refuses them. */
  readonly entries: readonly MapEntry[];
}

export interface MapEntry {
  readonly key: string;
  readonly keyPosition: SourcePosition;
  readonly value: DocumentNode;
}

export interface ListNode {
  readonly kind: "list";
  readonly position: SourcePosition;
  readonly items: readonly DocumentNode[];
}

export interface StringNode {
  readonly kind: "string";
  readonly position: SourcePosition;
  readonly value: string;
  readonly raw: string;
  /** Of a literal block (`|`): where its text starts, so that a document written inside has positions of the file. */
  readonly blockStart?: SourcePosition;
  /** Another YAML reader takes the same text for another value: what it would read. Typed readers refuse such a scalar. */
  readonly ambiguity?: string;
}

export interface NumberNode {
  readonly kind: "number";
  readonly position: SourcePosition;
  readonly value: number;
  /** The digits as written: integers beyond 2^53 do not fit in `value`. */
  readonly raw: string;
  readonly ambiguity?: string;
}

export interface BooleanNode {
  readonly kind: "boolean";
  readonly position: SourcePosition;
  readonly value: boolean;
  readonly raw: string;
}

export interface NullNode {
  readonly kind: "null";
  readonly position: SourcePosition;
  readonly raw: string;
}

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** The same document without positions. */
export function documentToJson(node: DocumentNode): JsonValue {
  switch (node.kind) {
    case "map":
      // fromEntries defines own properties, so a key "__proto__" stays a key.
      return Object.fromEntries(node.entries.map((entry) => [entry.key, documentToJson(entry.value)]));
    case "list":
      return node.items.map(documentToJson);
    case "null":
      return null;
    default:
      return node.value;
  }
}

/** The value of a key; the first one when a producer left duplicates in. */
export function entryValue(node: MapNode, key: string): DocumentNode | undefined {
  return node.entries.find((entry) => entry.key === key)?.value;
}

/** How messages name a value: `the string "yes"`, `the number 8080`, `a list`. */
export function describeNode(node: DocumentNode): string {
  switch (node.kind) {
    case "map":
      return node.entries.length === 0 ? "an empty object" : "an object";
    case "list":
      return node.items.length === 0 ? "an empty list" : "a list";
    case "null":
      return "null";
    case "string":
      return `the string ${quoteValue(node.value)}`;
    case "number":
    case "boolean":
      return `the ${node.kind} ${node.raw}`;
  }
}

/** A value in quotes for a message, cut when it is long. */
export function quoteValue(value: string): string {
  return JSON.stringify(value.length > MAX_QUOTED ? `${value.slice(0, MAX_QUOTED)}…` : value);
}

const MAX_QUOTED = 120;
