import { suggestion } from "./did-you-mean.ts";
import type { DocumentNode, MapEntry, SourcePosition } from "./document-node.ts";
import { entryValue } from "./document-node.ts";
import type { FindingCode } from "./finding-codes.ts";
import { fieldContext, itemContext, type ReadContext, reportAt } from "./read-context.ts";
import {
  type IntegerOptions,
  readBoolean,
  readEnumeration,
  readInteger,
  readIntegerOrString,
  readString,
  type StringOptions,
  wrongType,
} from "./read-scalar.ts";

export interface FieldOptions {
  readonly required?: boolean;
  /** `field: null` is common where tools write it (`creationTimestamp`); elsewhere it is worth a warning. */
  readonly nullable?: boolean;
}

export interface Required extends FieldOptions {
  readonly required: true;
}

export interface CountOptions extends FieldOptions {
  readonly min?: number;
  readonly max?: number;
}

export type ReadItem<T> = (node: DocumentNode, context: ReadContext) => T | undefined;
export type ReadEntry<T> = (entry: MapEntry, context: ReadContext) => T | undefined;

/**
 * Reads one object of a document strictly and reports every mistake in it. Call an accessor per known field,
 * then `finish`: it reports the fields nobody asked for and builds the value, unless anything was wrong.
 *
 * Accessors of required fields answer a placeholder after a mistake, so that reading goes on and later mistakes
 * are found as well; `finish` never calls `build` then, so a placeholder cannot reach a value.
 */
export interface ObjectReader {
  readonly path: string;
  readonly position: SourcePosition;
  /** True once anything in this object, at any depth, was an error. */
  readonly hasErrors: boolean;

  /** Present and not null. */
  has(name: string): boolean;
  /** The unread node of a field; counts as known from now on. Null counts as absent. */
  node(name: string, options?: FieldOptions): DocumentNode | undefined;
  /** Position of a field's key, else of the object. */
  positionOf(name: string): SourcePosition;

  /** A required string may not be empty. */
  string(name: string, options: StringOptions & Required): string;
  string(name: string, options?: StringOptions & FieldOptions): string | undefined;
  integer(name: string, options: IntegerOptions & Required): number;
  integer(name: string, options?: IntegerOptions & FieldOptions): number | undefined;
  boolean(name: string, options?: FieldOptions): boolean | undefined;
  integerOrString(
    name: string,
    options?: FieldOptions & { readonly integer?: IntegerOptions; readonly string?: StringOptions },
  ): number | string | undefined;
  /** `accepted` maps the words of the wire to the values of the domain; the first one is the placeholder. */
  enumeration<T>(name: string, accepted: Readonly<Record<string, T>>, options?: FieldOptions): T | undefined;
  object<T>(name: string, read: (reader: ObjectReader) => T | undefined, options?: FieldOptions): T | undefined;
  list<T>(name: string, readItem: ReadItem<T>, options?: CountOptions): readonly T[] | undefined;
  strings(name: string, options?: StringOptions & CountOptions): readonly string[] | undefined;
  map<T>(name: string, readEntry: ReadEntry<T>, options?: CountOptions): ReadonlyMap<string, T> | undefined;
  stringMap(name: string, options?: StringOptions & CountOptions): Readonly<Record<string, string>> | undefined;

  /** Fields that are legal and have no use here; with a note, each that is present becomes an info finding. */
  ignore(names: readonly string[], note?: string): void;
  report(code: FindingCode, message: string, field?: string): void;
  /** Reports unknown fields; builds the value when nothing in this object was an error. */
  finish<T>(build: () => T): T | undefined;
}

/** A node that is no object is reported; the reader that comes back then has no fields and reports nothing more. */
export function readObject(node: DocumentNode, context: ReadContext): ObjectReader {
  const { collector, path } = context;
  const errorsBefore = collector.errorCount;
  const map = node.kind === "map" ? node : { ...node, kind: "map" as const, entries: [] };
  const known = new Set<string>();
  const unusable = node.kind !== "map";
  if (unusable) wrongType(node, context, "an object");
  else reportDuplicates(map.entries, context);

  const field = <T>(name: string, options: FieldOptions, read: ReadItem<T>): T | undefined => {
    const value = reader.node(name, options);
    return value && read(value, fieldContext(context, name));
  };

  const string = (name: string, options: StringOptions & FieldOptions = {}): string | undefined =>
    field(name, options, (value, at) => {
      if (!options.required || value.kind !== "string" || value.value !== "") return readString(value, at, options);
      reportAt(at, "SYM0103", value, "must not be empty");
      return undefined;
    });

  const integer = (name: string, options: IntegerOptions & FieldOptions = {}): number | undefined =>
    field(name, options, (value, at) => readInteger(value, at, options));

  const reader: ObjectReader = {
    path,
    position: node.position,
    get hasErrors() {
      return collector.errorCount > errorsBefore;
    },
    has: (name) => (entryValue(map, name)?.kind ?? "null") !== "null",
    node: (name, options = {}) => {
      known.add(name);
      const value = entryValue(map, name);
      if (value && value.kind !== "null") return value;
      if (options.required && !unusable)
        reportAt(fieldContext(context, name), "SYM0103", value ?? node, "required field is missing");
      else if (value && !options.nullable)
        reportAt(fieldContext(context, name), "SYM0107", value, "has no value and is read as absent");
      return undefined;
    },
    positionOf: (name) => map.entries.find((entry) => entry.key === name)?.keyPosition ?? node.position,
    // The overloads promise a value for required fields: an empty placeholder, see above.
    string: ((name, options) =>
      string(name, options) ?? (options?.required ? "" : undefined)) as ObjectReader["string"],
    integer: ((name, options) =>
      integer(name, options) ?? (options?.required ? 0 : undefined)) as ObjectReader["integer"],
    boolean: (name, options = {}) => field(name, options, readBoolean),
    integerOrString: (name, options = {}) =>
      field(name, options, (value, at) => readIntegerOrString(value, at, options)),
    enumeration: (name, accepted, options = {}) =>
      field(name, options, (value, at) => readEnumeration(value, at, accepted)),
    object: (name, read, options = {}) => field(name, options, (value, at) => read(readObject(value, at))),
    list: (name, readItem, options = {}) => field(name, options, (value, at) => readList(value, at, readItem, options)),
    strings: (name, options = {}) => reader.list(name, (item, at) => readString(item, at, options), options),
    map: (name, readEntry, options = {}) => field(name, options, (value, at) => readMap(value, at, readEntry, options)),
    stringMap: (name, options = {}) => {
      const entries = reader.map(name, (entry, at) => readString(entry.value, at, options), options);
      return entries && Object.fromEntries(entries);
    },
    ignore: (names, note) => {
      for (const name of names) {
        known.add(name);
        const value = entryValue(map, name);
        if (note !== undefined && value) reportAt(fieldContext(context, name), "SYM0108", value, note);
      }
    },
    report: (code, message, name) =>
      name === undefined
        ? reportAt(context, code, node, message)
        : reportAt(fieldContext(context, name), code, reader.positionOf(name), message),
    finish: (build) => {
      reportUnknown(map.entries, known, context);
      return reader.hasErrors ? undefined : build();
    },
  };
  return reader;
}

function readList<T>(
  node: DocumentNode,
  context: ReadContext,
  readItem: ReadItem<T>,
  options: CountOptions,
): readonly T[] | undefined {
  if (node.kind !== "list") return wrongType(node, context, "a list");
  checkCount(node.items.length, node, context, options);
  const values = node.items.map((item, index) => readItem(item, itemContext(context, index)));
  return values.filter((value) => value !== undefined);
}

function readMap<T>(
  node: DocumentNode,
  context: ReadContext,
  readEntry: ReadEntry<T>,
  options: CountOptions,
): ReadonlyMap<string, T> | undefined {
  if (node.kind !== "map") return wrongType(node, context, "an object");
  reportDuplicates(node.entries, context);
  checkCount(node.entries.length, node, context, options);
  const values = new Map<string, T>();
  for (const entry of node.entries) {
    const value = readEntry(entry, fieldContext(context, entry.key));
    if (value !== undefined) values.set(entry.key, value);
  }
  return values;
}

function checkCount(
  count: number,
  node: DocumentNode,
  context: ReadContext,
  { min = 0, max = Number.POSITIVE_INFINITY }: CountOptions,
): void {
  if (count < min)
    reportAt(context, "SYM0109", node, `must have at least ${min} ${min === 1 ? "element" : "elements"}, got ${count}`);
  if (count > max) reportAt(context, "SYM0109", node, `must have at most ${max} elements, got ${count}`);
}

function reportDuplicates(entries: readonly MapEntry[], context: ReadContext): void {
  const first = new Map<string, SourcePosition>();
  for (const { key, keyPosition } of entries) {
    const before = first.get(key);
    if (before)
      reportAt(fieldContext(context, key), "SYM0003", keyPosition, `duplicate key: already at line ${before.line}`);
    else first.set(key, keyPosition);
  }
}

function reportUnknown(entries: readonly MapEntry[], known: ReadonlySet<string>, context: ReadContext): void {
  for (const { key, keyPosition } of entries) {
    if (known.has(key)) continue;
    const hint = suggestion(key, known);
    reportAt(fieldContext(context, key), "SYM0101", keyPosition, `unknown field ${JSON.stringify(key)}${hint}`);
  }
}
