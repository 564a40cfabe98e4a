import { isAuthority } from "./authority.ts";
import { equalsIgnoringCase, LOWER, ZERO } from "./characters.ts";
import { type FieldLines, forEachToken } from "./field-lines.ts";
import { FIELD, type FieldId, fieldId } from "./field-names.ts";
import type { Http1Limits } from "./limits.ts";
import { LIMIT_ERRORS, MESSAGE_ERRORS, type MessageError, type MessageErrorCode } from "./message-error.ts";
import type { MessageHead, RequestHead, ResponseHead } from "./message-head.ts";

type Refusal = MessageError | undefined;

/** Host, expectation, framing and life of the connection of a request whose lines have all been read. */
export function completeRequest(head: RequestHead, limits: Http1Limits): Refusal {
  const refusal = readCommon(head, limits) ?? readHost(head) ?? readExpect(head);
  if (refusal) return refusal;
  if (head.method === "CONNECT" && (head.framing === "chunked" || head.contentLength > 0))
    return fail("connect_content");
  // An HTTP/1.0 client may not know what it asks a proxy for with keep-alive (RFC 9112 §9.3, C.2.2).
  head.keepAlive = !head.closeOption && !head.http10;
  // An Upgrade that is not served is ignored (RFC 9110 §7.8); h2c always is (CV-28).
  head.webSocket =
    head.upgradeOption &&
    !head.http10 &&
    head.method === "GET" &&
    head.framing === "none" &&
    asksForWebSocket(head.fields);
  return undefined;
}

/** @param requestMethod of the request that this answers: some have no content in their answers */
export function completeResponse(head: ResponseHead, requestMethod: string, limits: Http1Limits): Refusal {
  const refusal = readCommon(head, limits);
  if (refusal) return refusal;
  head.keepAlive = !head.closeOption && (!head.http10 || head.keepAliveOption);
  const { status } = head;
  head.webSocket = status === 101 && head.upgradeOption && asksForWebSocket(head.fields);
  // RFC 9112 §6.3 (1), (2)
  const noContentByStatus = status < 200 || status === 204;
  if (noContentByStatus || status === 304 || requestMethod === "HEAD") {
    // Content where there must be none would be read as the next answer (RFC 9110 §8.6, RFC 9112 §6.1).
    if (noContentByStatus && (head.framing === "chunked" || head.contentLength > 0)) head.keepAlive = false;
    head.framing = "none";
    return undefined;
  }
  if (requestMethod === "CONNECT" && status < 300) {
    head.framing = "none";
    return undefined;
  }
  // RFC 9112 §6.3 (8)
  if (head.framing === "none" && head.fields.indexOf(FIELD.contentLength) < 0) {
    head.framing = "until-close";
    head.keepAlive = false;
  }
  return undefined;
}

const CHUNKED = Buffer.from("chunked");
const CONTINUE = Buffer.from("100-continue");
const WEB_SOCKET = Buffer.from("websocket");
const CLOSE = Buffer.from("close");
const KEEP_ALIVE = Buffer.from("keep-alive");
const UPGRADE = Buffer.from("upgrade");

/** Fields that nobody may have dropped on the way: framing, routing, credentials, what proxies say of a request. */
const NEVER_NOMINATED: ReadonlySet<FieldId> = new Set<FieldId>([
  FIELD.host,
  FIELD.contentLength,
  FIELD.transferEncoding,
  FIELD.expect,
  FIELD.forwardedClientCert,
  FIELD.forwardedProto,
  FIELD.requestId,
  FIELD.neverTrailer,
]);

function readCommon(head: MessageHead, limits: Http1Limits): Refusal {
  const { fields } = head;
  let length = -1;
  let encoding = -1;
  for (let index = 0; index < fields.count; index++) {
    const id = fields.id(index);
    if (id === FIELD.other) continue;
    if (id === FIELD.contentLength) {
      // Equal ones could be taken for one (RFC 9110 §8.6); nobody sends them who means well.
      if (length >= 0) return fail("content_length_repeated");
      length = index;
    } else if (id === FIELD.transferEncoding) {
      if (encoding >= 0) return fail("transfer_encoding_repeated");
      encoding = index;
    } else if (id === FIELD.connection) {
      const refusal = readConnection(head, fields.valueStart(index), fields.valueEnd(index));
      if (refusal) return refusal;
    }
  }
  if (encoding >= 0) {
    if (length >= 0) return fail("length_and_encoding");
    if (head.http10) return fail("transfer_encoding_http10");
    head.framing = "chunked";
    return readTransferEncoding(fields, encoding);
  }
  return length >= 0 ? readContentLength(head, length, limits) : undefined;
}

function readContentLength(head: MessageHead, index: number, limits: Http1Limits): Refusal {
  const { fields } = head;
  const start = fields.valueStart(index);
  const end = fields.valueEnd(index);
  if (end === start) return fail("content_length_invalid");
  if (end - start > limits.contentLengthDigits) return LIMIT_ERRORS.contentLengthDigits;
  let length = 0;
  for (let at = start; at < end; at++) {
    const digit = (fields.bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) return fail("content_length_invalid");
    length = length * 10 + digit;
  }
  // A number too large to be exact is above every limit.
  if (length > limits.bodyBytes) return LIMIT_ERRORS.bodyBytes;
  head.contentLength = length;
  head.framing = length > 0 ? "length" : "none";
  return undefined;
}

/** Coding names are case-insensitive (RFC 9112 §7); ours goes out in lower case. */
function readTransferEncoding(fields: FieldLines, index: number): Refusal {
  const { bytes } = fields;
  const start = fields.valueStart(index);
  const end = fields.valueEnd(index);
  if (equalsIgnoringCase(bytes, start, end, CHUNKED)) return undefined;
  let chunked = 0;
  let codings = 0;
  let last = false;
  const isList = forEachToken(bytes, start, end, (from, to) => {
    last = equalsIgnoringCase(bytes, from, to, CHUNKED);
    if (last) chunked++;
    codings++;
  });
  // RFC 9112 §6.3 (4): chunked is last, and not last.
  return fail(
    isList && last && chunked === 1 && codings > 1 ? "transfer_encoding_unsupported" : "transfer_encoding_invalid",
  );
}

function readConnection(head: MessageHead, start: number, end: number): Refusal {
  const { bytes } = head.fields;
  let forbidden = false;
  const isList = forEachToken(bytes, start, end, (from, to) => {
    if (equalsIgnoringCase(bytes, from, to, CLOSE)) head.closeOption = true;
    else if (equalsIgnoringCase(bytes, from, to, KEEP_ALIVE)) head.keepAliveOption = true;
    else if (equalsIgnoringCase(bytes, from, to, UPGRADE)) head.upgradeOption = true;
    else {
      const id = fieldId(bytes, from, to);
      if (NEVER_NOMINATED.has(id)) forbidden = true;
      else if (id !== FIELD.hopByHop) {
        head.nominated ??= new Set();
        head.nominated.add(lowerCase(bytes, from, to));
      }
    }
  });
  if (!isList) return fail("connection_invalid");
  return forbidden ? fail("connection_option_forbidden") : undefined;
}

function readHost(head: RequestHead): Refusal {
  const { fields } = head;
  const { bytes, base } = fields;
  const index = fields.indexOf(FIELD.host);
  // RFC 9112 §3.2; HTTP/1.0 did not have it.
  if (index < 0) return head.http10 ? undefined : fail("host_missing");
  if (fields.indexOf(FIELD.host, index + 1) >= 0) return fail("host_repeated");
  const start = fields.valueStart(index);
  const end = fields.valueEnd(index);
  if (!isAuthority(bytes, start, end, "optional")) return fail("host_invalid");
  if (head.form === "absolute" || head.form === "authority") {
    // A proxy should ignore Host then (RFC 9112 §3.2.2); a policy that looks at it must not be told otherwise (CV-25).
    if (lowerCase(bytes, start, end) !== head.authority?.toLowerCase()) return fail("host_mismatch");
    return undefined;
  }
  head.authorityStart = start - base;
  head.authorityEnd = end - base;
  return undefined;
}

function readExpect(head: RequestHead): Refusal {
  const { fields } = head;
  const index = fields.indexOf(FIELD.expect);
  if (index < 0) return undefined;
  if (fields.indexOf(FIELD.expect, index + 1) >= 0) return fail("expectation_unknown");
  if (!equalsIgnoringCase(fields.bytes, fields.valueStart(index), fields.valueEnd(index), CONTINUE))
    return fail("expectation_unknown");
  // Ignored in HTTP/1.0, and without content there is nothing to continue (RFC 9110 §10.1.1).
  head.expectContinue = !head.http10 && head.framing !== "none";
  return undefined;
}

function asksForWebSocket(fields: FieldLines): boolean {
  const index = fields.indexOf(FIELD.upgrade);
  return (
    index >= 0 &&
    fields.indexOf(FIELD.upgrade, index + 1) < 0 &&
    equalsIgnoringCase(fields.bytes, fields.valueStart(index), fields.valueEnd(index), WEB_SOCKET)
  );
}

function lowerCase(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(LOWER[bytes[at] as number] as number);
  return text;
}

function fail(code: MessageErrorCode): MessageError {
  return MESSAGE_ERRORS[code];
}
