import { isAuthority } from "./authority.ts";
import {
  ASTERISK,
  AT,
  COLON,
  CR,
  DOT,
  equalsIgnoringCase,
  FIELD_VALUE,
  HASH,
  LF,
  METHOD,
  QUESTION,
  SLASH,
  SP,
  TARGET,
  TOKEN,
  ZERO,
} from "./characters.ts";
import { INCOMPLETE } from "./field-lines.ts";
import type { Http1Limits } from "./limits.ts";
import { LIMIT_ERRORS, MESSAGE_ERRORS, type MessageError, type MessageErrorCode } from "./message-error.ts";
import type { RequestHead, ResponseHead } from "./message-head.ts";
import { knownMethod, LONGEST_METHOD } from "./methods.ts";

/** Position after the line, INCOMPLETE, or what is wrong. */
export type LineResult = number | MessageError;

export interface RequestLineOptions {
  readonly limits: Http1Limits;
  readonly allowConnect: boolean;
}

/** request-line = method SP request-target SP HTTP-version CRLF, with single spaces (RFC 9112 §3). */
export function readRequestLine(
  head: RequestHead,
  start: number,
  stop: number,
  options: RequestLineOptions,
): LineResult {
  const { bytes, base } = head.fields;
  let at = start;
  while (at < stop && METHOD[bytes[at] as number] === 1) at++;
  if (at - start > LONGEST_METHOD) return fail("method_unknown");
  if (at === stop) return INCOMPLETE;
  if (bytes[at] !== SP) return fail(badMethodByte(bytes[at] as number));
  const method = knownMethod(bytes, start, at);
  if (method === undefined) return fail(at === start ? "request_line_invalid" : "method_unknown");
  const targetStart = at + 1;
  const targetStop = Math.min(stop, targetStart + options.limits.targetBytes + 1);
  at = targetStart;
  while (at < targetStop && TARGET[bytes[at] as number] === 1) at++;
  if (at - targetStart > options.limits.targetBytes) return LIMIT_ERRORS.targetBytes;
  if (at === stop) return INCOMPLETE;
  if (bytes[at] !== SP) return fail(badTargetByte(bytes[at] as number));
  if (at === targetStart) return fail("request_line_invalid");
  head.method = method;
  head.pathStart = targetStart - base;
  head.pathEnd = at - base;
  const problem = readTarget(head, targetStart, at, options);
  if (problem) return problem;
  const version = readVersion(head, at + 1, stop);
  if (typeof version !== "number" || version < 0) return version;
  return readLineEnd(bytes, version, stop, "request_line_invalid");
}

/** status-line = HTTP-version SP 3DIGIT SP [ reason ] CRLF (RFC 9112 §4); servers exist that leave out the last SP. */
export function readStatusLine(head: ResponseHead, start: number, stop: number, limits: Http1Limits): LineResult {
  const { bytes, base } = head.fields;
  const version = readVersion(head, start, stop);
  if (typeof version !== "number" || version < 0) return version;
  let at = version;
  if (at === stop) return INCOMPLETE;
  if (bytes[at] !== SP) return fail("status_line_invalid");
  at++;
  let status = 0;
  for (const end = at + 3; at < end; at++) {
    if (at === stop) return INCOMPLETE;
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) return fail("status_line_invalid");
    status = status * 10 + digit;
  }
  if (status < 100) return fail("status_line_invalid");
  head.status = status;
  if (at === stop) return INCOMPLETE;
  if (bytes[at] === SP) at++;
  else if (bytes[at] !== CR) return fail(bytes[at] === LF ? "bare_lf" : "status_line_invalid");
  head.reasonStart = at - base;
  const reasonStop = Math.min(stop, at + limits.reasonBytes + 1);
  while (at < reasonStop && FIELD_VALUE[bytes[at] as number] === 1) at++;
  head.reasonEnd = at - base;
  if (head.reasonEnd - head.reasonStart > limits.reasonBytes) return LIMIT_ERRORS.reasonBytes;
  return readLineEnd(bytes, at, stop, "status_line_invalid");
}

const HTTP = Buffer.from("HTTP/");

function readVersion(head: RequestHead | ResponseHead, start: number, stop: number): LineResult {
  const { bytes } = head.fields;
  let at = start;
  for (let index = 0; index < HTTP.length; index++, at++) {
    if (at === stop) return INCOMPLETE;
    if (bytes[at] !== HTTP[index]) return fail(bytes[at] === LF ? "bare_lf" : "version_invalid");
  }
  if (at + 3 > stop) return INCOMPLETE;
  const major = (bytes[at] as number) - ZERO;
  const minor = (bytes[at + 2] as number) - ZERO;
  if (bytes[at + 1] !== DOT || major < 0 || major > 9 || minor < 0 || minor > 9) return fail("version_invalid");
  // A higher minor version could be read as 1.1 (RFC 9110 §2.5); nobody sends one who means well.
  if (major !== 1 || minor > 1) return fail("version_unsupported");
  head.http10 = minor === 0;
  return at + 3;
}

function readLineEnd(bytes: Uint8Array, at: number, stop: number, otherwise: MessageErrorCode): LineResult {
  if (at === stop) return INCOMPLETE;
  if (bytes[at] !== CR) return fail(bytes[at] === LF ? "bare_lf" : otherwise);
  if (at + 1 === stop) return INCOMPLETE;
  return bytes[at + 1] === LF ? at + 2 : fail("bare_cr");
}

/** The four forms of RFC 9112 §3.2. */
function readTarget(
  head: RequestHead,
  start: number,
  end: number,
  { allowConnect }: RequestLineOptions,
): MessageError | undefined {
  const { bytes, base } = head.fields;
  if (head.method === "CONNECT") {
    if (!allowConnect) return fail("connect_refused");
    if (!isAuthority(bytes, start, end, "required")) return fail("target_invalid");
    head.form = "authority";
    head.authorityStart = start - base;
    head.authorityEnd = end - base;
    return undefined;
  }
  if (bytes[start] === SLASH) return undefined;
  if (bytes[start] === ASTERISK && end === start + 1) {
    if (head.method !== "OPTIONS") return fail("target_asterisk");
    head.form = "asterisk";
    return undefined;
  }
  return readAbsoluteForm(head, start, end);
}

const SCHEMES = ["http://", "https://"].map((scheme) => Buffer.from(scheme));

function readAbsoluteForm(head: RequestHead, start: number, end: number): MessageError | undefined {
  const { bytes, base } = head.fields;
  const scheme = SCHEMES.find((candidate) =>
    equalsIgnoringCase(bytes, start, Math.min(end, start + candidate.length), candidate),
  );
  if (!scheme) return fail(bytes.subarray(start, end).includes(COLON) ? "target_scheme" : "target_invalid");
  const authorityStart = start + scheme.length;
  let at = authorityStart;
  while (at < end && bytes[at] !== SLASH && bytes[at] !== QUESTION) at++;
  if (bytes.subarray(authorityStart, at).includes(AT)) return fail("target_userinfo");
  if (!isAuthority(bytes, authorityStart, at, "optional")) return fail("target_invalid");
  head.form = "absolute";
  head.authorityStart = authorityStart - base;
  head.authorityEnd = at - base;
  head.pathStart = at - base;
  return undefined;
}

function badMethodByte(byte: number): MessageErrorCode {
  if (byte === LF) return "bare_lf";
  return TOKEN[byte] === 1 ? "method_invalid" : "request_line_invalid";
}

function badTargetByte(byte: number): MessageErrorCode {
  if (byte === LF) return "bare_lf";
  if (byte === CR) return "request_line_invalid";
  return byte === HASH ? "target_fragment" : "target_invalid";
}

function fail(code: MessageErrorCode): MessageError {
  return MESSAGE_ERRORS[code];
}
