import type { ConnectionRecord } from "./connection-record.ts";
import type { RequestRecord } from "./request-record.ts";

/** Whose proxy writes: the first fields of every line, encoded once. */
export interface AccessLineWriter {
  /** A line with its end. */
  request(record: RequestRecord): string;
  /** Undefined: the requests of the connection are on record instead. */
  connection(record: ConnectionRecord): string | undefined;
}

/** Longest text of one field that a client chooses; what is cut off is replaced by "...". A target has at most 8 KiB. */
const MAX_TEXT = 2048;
/** Everything but printable ASCII and the ends of our own lines. */
const UNSAFE = /[^\x20-\x7e\n]/g;

export function createAccessLineWriter(pod: { readonly name: string; readonly namespace: string }): AccessLineWriter {
  const start = (kind: string) =>
    `{"kind":"${kind}",${JSON.stringify({ pod: pod.name, namespace: pod.namespace }).slice(1, -1)},`;
  const requestStart = start("request");
  const connectionStart = start("connection");
  return {
    request: (record) => `${requestStart}${JSON.stringify(bounded(record)).slice(1)}\n`,
    connection(record) {
      if (record.requests && !record.upgraded) return undefined;
      const { open: _open, ...facts } = record;
      return `${connectionStart}${JSON.stringify(facts).slice(1)}\n`;
    },
  };
}

/**
 * Lines of JSON as they go to the file: pure ASCII, whatever a client has sent. JSON.stringify has escaped line ends,
 * quotes and control characters below 0x20; the rest (DEL, C1, bytes that are no UTF-8) would reach a terminal as it is
 * (CV-23). Looked for in many lines at once: nearly always there is nothing, and finding that takes no time.
 */
export function asciiLines(lines: string): string {
  if (Buffer.byteLength(lines) === lines.length && !lines.includes("\x7f")) return lines;
  return lines.replace(UNSAFE, escapeUnit);
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function bounded(record: RequestRecord): RequestRecord {
  const { path, method, authority = "", userAgent = "", detail = "" } = record;
  if (
    path.length <= MAX_TEXT &&
    method.length <= MAX_TEXT &&
    authority.length <= MAX_TEXT &&
    userAgent.length <= MAX_TEXT &&
    detail.length <= MAX_TEXT
  )
    return record;
  return {
    ...record,
    path: cut(path),
    method: cut(method),
    ...(authority === "" ? {} : { authority: cut(authority) }),
    ...(userAgent === "" ? {} : { userAgent: cut(userAgent) }),
    ...(detail === "" ? {} : { detail: cut(detail) }),
  };
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}...`;
}
