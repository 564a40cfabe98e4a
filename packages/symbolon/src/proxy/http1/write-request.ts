import { FIELD } from "./field-names.ts";
import type { HeadWriter } from "./head-writer.ts";
import type { RequestHead } from "./message-head.ts";
import { type FieldSet, fieldSet, type WrittenFraming, writeFields } from "./write-fields.ts";

/** What a request is to have besides what came. */
export interface RequestEdits {
  /** Fields that are left out, because `appended` has them or nobody may have them. */
  readonly dropped: FieldSet;
  /** More of them, in lower case. */
  readonly droppedNames?: ReadonlySet<string>;
  /** Whole lines with CRLF. */
  readonly appended: string;
  /** Value of a further X-Request-Id: a new one in each request, so that a text with it would be made for this alone. */
  readonly newRequestId?: string;
  /** Host of an HTTP/1.0 request without one (RFC 9112 §3.2). */
  readonly authority: string;
  /** Takes the place of the target that came. */
  readonly target?: string;
}

export const NO_EDITS: RequestEdits = { dropped: fieldSet(), appended: "", authority: "localhost" };

/** Writes the head anew: HTTP/1.1, origin form, one framing, nothing of the last hop. */
export function writeRequestHead(writer: HeadWriter, head: RequestHead, edits: RequestEdits): void {
  const { fields } = head;
  writer.text(head.method);
  writer.text(" ");
  if (edits.target !== undefined) writer.text(edits.target);
  else {
    if (head.form === "absolute") writer.text(head.pathPrefix);
    writer.bytes(fields.bytes, fields.base + head.pathStart, fields.base + head.pathEnd);
  }
  writer.text(" HTTP/1.1\r\n");
  if (fields.indexOf(FIELD.host) < 0) writer.text(`Host: ${head.authority ?? edits.authority}\r\n`);
  writeFields(writer, head, edits, requestFraming(head));
  if (head.webSocket) writer.text("Connection: Upgrade\r\nUpgrade: websocket\r\n");
  writer.text(edits.appended);
  if (edits.newRequestId !== undefined) {
    writer.text("X-Request-Id: ");
    writer.text(edits.newRequestId);
    writer.text("\r\n");
  }
  writer.text("\r\n");
}

/** Content-Length: 0 is said where it was said. */
function requestFraming(head: RequestHead): WrittenFraming {
  if (head.framing === "chunked") return CHUNKED;
  if (head.framing === "length") return { kind: "length", contentLength: head.contentLength };
  return head.fields.indexOf(FIELD.contentLength) >= 0 ? EMPTY : NONE;
}

const CHUNKED: WrittenFraming = { kind: "chunked" };
const NONE: WrittenFraming = { kind: "none" };
const EMPTY: WrittenFraming = { kind: "length", contentLength: 0 };
