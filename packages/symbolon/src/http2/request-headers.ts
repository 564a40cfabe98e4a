import type { Header } from "./header-table.ts";
import { H2_ERROR, StreamError } from "./protocol.ts";

/** What a client asks for, after RFC 9113 §8 has been held against it. */
export interface RequestHead {
  readonly method: string;
  readonly path: string;
  /** Those that are not pseudo-headers, in the order of their arrival; names are in lower case. */
  readonly headers: readonly Header[];
}

const PSEUDO = new Set([":method", ":scheme", ":path", ":authority"]);
/** RFC 9113 §8.2.2. */
const OF_A_CONNECTION = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);
/** A token of RFC 9110 §5.6.2, without capitals. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** RFC 9113 §8.2.1. Spaces at the ends are cut off instead (RFC 9110 §5.5): gRPC's clients send them with an empty token. */
const BAD_VALUE = /[\0\r\n]/;
const LENGTH = /^[0-9]{1,15}$/;

/**
 * `:authority` is left unread: on a socket that only one service has, it says nothing, and some clients send the socket's
 * path there (runtime-facts §2, W1).
 * @throws StreamError PROTOCOL_ERROR for a request that is malformed (RFC 9113 §8.1.1)
 */
export function readRequestHead(received: readonly Header[]): RequestHead {
  const pseudo = new Map<string, string>();
  const headers: Header[] = [];
  for (const header of received) {
    const [name, value] = header;
    if (BAD_VALUE.test(value) && name !== ":authority") throw malformed("value of a header");
    if (!name.startsWith(":")) {
      checkField(name, value);
      headers.push(isTrimmed(value) ? header : [name, value.replace(/^[ \t]+|[ \t]+$/g, "")]);
    } else if (headers.length > 0 || pseudo.has(name) || !PSEUDO.has(name)) {
      throw malformed("pseudo-headers");
    } else {
      pseudo.set(name, value);
    }
  }
  const method = pseudo.get(":method");
  const path = pseudo.get(":path");
  if (!method || !path || !pseudo.has(":scheme")) throw malformed("pseudo-headers");
  return { method, path, headers };
}

/** @throws StreamError PROTOCOL_ERROR: trailers have no pseudo-headers (RFC 9113 §8.1) */
export function checkTrailers(received: readonly Header[]): void {
  for (const [name, value] of received) checkField(name, value);
}

function checkField(name: string, value: string): void {
  if (!NAME.test(name)) throw malformed("name of a header");
  if (BAD_VALUE.test(value)) throw malformed("value of a header");
  if (name === "content-length" && !LENGTH.test(value)) throw malformed("content-length");
  if (OF_A_CONNECTION.has(name) || (name === "te" && value !== "trailers")) throw malformed("header of a connection");
}

function isTrimmed(value: string): boolean {
  return !/^[ \t]|[ \t]$/.test(value);
}

function malformed(what: string): StreamError {
  return new StreamError(H2_ERROR.protocolError, `malformed request: ${what}`);
}
