import { CR, SP } from "./characters.ts";
import type { FieldLines } from "./field-lines.ts";
import { FIELD, type FieldId } from "./field-names.ts";
import type { HeadWriter } from "./head-writer.ts";
import type { MessageHead } from "./message-head.ts";

/** Which fields are written; the caller writes those of the other kind itself, or they end here. */
export type FieldSet = Uint8Array;

export function fieldSet(...ids: readonly FieldId[]): FieldSet {
  const set = new Uint8Array(16);
  for (const id of ids) set[id] = 1;
  return set;
}

/** Never written as they came: they are between one hop's two ends, or describe framing, or only a proxy may say them. */
const ENDS_HERE = fieldSet(
  FIELD.connection,
  FIELD.hopByHop,
  FIELD.upgrade,
  FIELD.contentLength,
  FIELD.transferEncoding,
  FIELD.internal,
);

/** Fields that are left out besides: by kind, and by name in lower case. */
export interface DroppedFields {
  readonly dropped: FieldSet;
  readonly droppedNames?: ReadonlySet<string>;
}

/** How the content that follows is framed, in the sender's own words. */
export interface WrittenFraming {
  readonly kind: "none" | "length" | "chunked";
  /** Of "length"; also written where a response without content tells its length (HEAD, 304). */
  readonly contentLength?: number;
}

/**
 * Fields as parsed, in their order: `Name: value` with one space. Lines that look like this already are copied in runs,
 * which is no shortcut around the parse: every byte of them has been read as name or value.
 */
export function writeFields(
  writer: HeadWriter,
  head: MessageHead,
  { dropped, droppedNames }: DroppedFields,
  framing: WrittenFraming,
): void {
  const { fields } = head;
  const { bytes } = fields;
  let runStart = -1;
  let runEnd = -1;
  let framed = false;
  for (let index = 0; index < fields.count; index++) {
    const id = fields.id(index);
    if (ENDS_HERE[id] === 1) {
      if (framed || (id !== FIELD.contentLength && id !== FIELD.transferEncoding)) continue;
      if (runStart >= 0) writer.bytes(bytes, runStart, runEnd);
      runStart = -1;
      framed = true;
      writeFraming(writer, framing);
      continue;
    }
    if (dropped[id] === 1 || (head.nominated !== undefined && !head.isEndToEnd(index))) continue;
    if (droppedNames?.has(fields.name(index))) continue;
    const start = fields.nameStart(index);
    if (!isCanonical(fields, index)) {
      if (runStart >= 0) writer.bytes(bytes, runStart, runEnd);
      runStart = -1;
      writeLine(writer, fields, index);
      continue;
    }
    if (start !== runEnd || runStart < 0) {
      if (runStart >= 0) writer.bytes(bytes, runStart, runEnd);
      runStart = start;
    }
    runEnd = fields.valueEnd(index) + 2;
  }
  if (runStart >= 0) writer.bytes(bytes, runStart, runEnd);
  if (!framed) writeFraming(writer, framing);
}

function isCanonical(fields: FieldLines, index: number): boolean {
  const nameEnd = fields.nameEnd(index);
  return (
    fields.valueStart(index) === nameEnd + 2 &&
    fields.bytes[nameEnd + 1] === SP &&
    fields.bytes[fields.valueEnd(index)] === CR
  );
}

function writeLine(writer: HeadWriter, fields: FieldLines, index: number): void {
  writer.bytes(fields.bytes, fields.nameStart(index), fields.nameEnd(index));
  writer.text(": ");
  writer.bytes(fields.bytes, fields.valueStart(index), fields.valueEnd(index));
  writer.text("\r\n");
}

function writeFraming(writer: HeadWriter, { kind, contentLength }: WrittenFraming): void {
  if (kind === "chunked") return writer.text("Transfer-Encoding: chunked\r\n");
  if (contentLength === undefined) return;
  writer.text("Content-Length: ");
  writer.number(contentLength);
  writer.text("\r\n");
}
