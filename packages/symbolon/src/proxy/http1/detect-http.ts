import { CR, HTAB, LF, LOWER, SLASH, SP, TOKEN } from "./characters.ts";
import { knownMethod, LONGEST_METHOD } from "./methods.ts";

/** What a connection speaks that starts with some bytes. */
export type DetectedProtocol = "http1" | "http2" | "other" | "incomplete";

/** RFC 9113 §3.4 */
const HTTP2_PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const VERSION_MARK = Buffer.from("http/");
/** A line end is not waited for any longer. */
const MAX_LINE_BYTES = 16 * 1024;

/**
 * For ports whose protocol nobody declared. Generous towards HTTP/1: what a lenient server might take for a request has
 * to meet the strict parser, or a client could choose which policies apply to it (istio-security §1.5, CV-26).
 */
export function detectHttp(bytes: Uint8Array): DetectedProtocol {
  const preface = comparePreface(bytes);
  if (preface !== "other") return preface;
  let start = 0;
  while (start < bytes.length && (bytes[start] === CR || bytes[start] === LF)) start++;
  let at = start;
  while (at < bytes.length && TOKEN[bytes[at] as number] === 1) at++;
  if (at - start > LONGEST_METHOD * 2) return "other";
  if (at === bytes.length) return "incomplete";
  if (at === start || (bytes[at] !== SP && bytes[at] !== HTAB)) return "other";
  const isMethod = knownMethod(bytes, start, at) !== undefined;
  // Also HTTP/0.9, `GET /`, which some servers still answer.
  if (isMethod && bytes[at + 1] === SLASH) return "http1";
  const lineEnd = endOfLine(bytes, at);
  const line = lineEnd < 0 ? bytes.subarray(at) : bytes.subarray(at, lineEnd);
  if (mentionsHttp(line)) return "http1";
  if (lineEnd >= 0) return "other";
  return line.length < MAX_LINE_BYTES ? "incomplete" : "other";
}

function comparePreface(bytes: Uint8Array): "http2" | "incomplete" | "other" {
  const length = Math.min(bytes.length, HTTP2_PREFACE.length);
  for (let at = 0; at < length; at++) if (bytes[at] !== HTTP2_PREFACE[at]) return "other";
  return bytes.length >= HTTP2_PREFACE.length ? "http2" : "incomplete";
}

function endOfLine(bytes: Uint8Array, from: number): number {
  const lf = bytes.indexOf(LF, from);
  const cr = bytes.indexOf(CR, from);
  return lf < 0 || cr < 0 ? Math.max(lf, cr) : Math.min(lf, cr);
}

function mentionsHttp(line: Uint8Array): boolean {
  for (let at = 0; at + VERSION_MARK.length <= line.length; at++) {
    let same = 0;
    while (same < VERSION_MARK.length && LOWER[line[at + same] as number] === VERSION_MARK[same]) same++;
    if (same === VERSION_MARK.length) return true;
  }
  return false;
}
