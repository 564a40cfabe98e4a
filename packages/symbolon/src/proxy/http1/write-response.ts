import { FIELD } from "./field-names.ts";
import type { HeadWriter } from "./head-writer.ts";
import type { ResponseHead } from "./message-head.ts";
import { fieldSet, type WrittenFraming, writeFields } from "./write-fields.ts";

export interface ResponseEdits {
  /** Whom it goes to speaks HTTP/1.0: no chunks, no interim answers. */
  readonly http10: boolean;
  /** The connection ends after this message. */
  readonly close: boolean;
  /** Whole lines with CRLF. */
  readonly appended: string;
}

/** How content goes out. */
export type ResponseFraming = "none" | "length" | "chunked" | "until-close";

const NOTHING_DROPPED = fieldSet();

/** Writes the head anew, with a framing that whom it goes to understands; tells which. */
export function writeResponseHead(writer: HeadWriter, head: ResponseHead, edits: ResponseEdits): ResponseFraming {
  const { fields } = head;
  const framing = outgoingFraming(head, edits.http10);
  writer.text("HTTP/1.1 ");
  writer.number(head.status);
  writer.text(" ");
  writer.bytes(fields.bytes, fields.base + head.reasonStart, fields.base + head.reasonEnd);
  writer.text("\r\n");
  writeFields(writer, head, { dropped: NOTHING_DROPPED }, framingLine(head, framing));
  if (head.webSocket) writer.text("Connection: Upgrade\r\nUpgrade: websocket\r\n");
  else if (edits.close || framing === "until-close") writer.text("Connection: close\r\n");
  writer.text(edits.appended);
  writer.text("\r\n");
  return framing;
}

function outgoingFraming({ framing }: ResponseHead, http10: boolean): ResponseFraming {
  // RFC 9112 §6.1: never chunks to HTTP/1.0. Content without length gets chunks, so that its end can be told from a break.
  if (framing === "chunked" || framing === "until-close") return http10 ? "until-close" : "chunked";
  return framing;
}

function framingLine(head: ResponseHead, framing: ResponseFraming): WrittenFraming {
  if (framing === "chunked") return { kind: "chunked" };
  if (framing === "length") return { kind: "length", contentLength: head.contentLength };
  // RFC 9110 §8.6: never in 1xx and 204; to HEAD and in 304 it tells what a GET would have had.
  const said =
    framing === "none" && head.status >= 200 && head.status !== 204 && head.fields.indexOf(FIELD.contentLength) >= 0;
  return said ? { kind: "none", contentLength: head.contentLength } : { kind: "none" };
}
