import type { AuthorizationRecord } from "./authorization-record.ts";
import type { ConnectionRecord } from "./connection-record.ts";
import { encodeJson, type LineBuffer } from "./line-buffer.ts";
import type { RequestRecord } from "./request-record.ts";

/** Writes records as lines, each with its end: one object, with whose proxy it comes from (docs/reference/access-records.md). */
export interface AccessLineWriter {
  request(into: LineBuffer, record: RequestRecord): void;
  connection(into: LineBuffer, record: ConnectionRecord): void;
}

/** False: the requests of a connection are on record instead. */
export function hasOwnLine({ requests, upgraded }: ConnectionRecord): boolean {
  return !requests || upgraded === true;
}

/** Longest text of one field that a client chooses. A target has at most 8 KiB. */
const MAX_TEXT = 2048;
/** Parts of lines that are kept; beyond it all are made anew. */
const MAX_PARTS = 2048;

const literal = (text: string) => Buffer.from(text, "latin1");
const COMMA = literal(",");
const KEYS = {
  durationMs: literal(',"durationMs":'),
  responseMs: literal(',"responseMs":'),
  method: literal(',"method":'),
  path: literal(',"path":'),
  authority: literal(',"authority":'),
  requestId: literal(',"requestId":'),
  traceId: literal(',"traceId":'),
  userAgent: literal(',"userAgent":'),
  status: literal(',"status":'),
  flags: literal(',"flags":'),
  detail: literal(',"detail":'),
  authorization: literal(',"authorization":'),
  requestBytes: literal(',"requestBytes":'),
  responseBytes: literal(',"responseBytes":'),
};
const NO_FLAGS = literal("[]");
const END = literal("}\n");

type ConnectionFacts = Pick<
  RequestRecord,
  "connection" | "direction" | "peerAddress" | "originalDestination" | "protocol" | "localSpiffeId"
>;
type WayFacts = Pick<RequestRecord, "security" | "service" | "upstream" | "peerSpiffeId" | "peerSerial" | "tlsVersion">;

/** What the requests of one connection have in common, and those that went the same way; made into bytes once. */
interface Part<Facts> {
  readonly facts: Facts;
  readonly bytes: Uint8Array;
}

export function createAccessLineWriter(pod: { readonly name: string; readonly namespace: string }): AccessLineWriter {
  const beforeStart = (kind: string) =>
    literal(`{"kind":"${kind}",${JSON.stringify({ pod: pod.name, namespace: pod.namespace }).slice(1, -1)},"start":`);
  const requestStart = beforeStart("request");
  const connectionStart = beforeStart("connection");
  const connections = new Map<number, Part<ConnectionFacts>>();
  const ways = new Map<number | string, Part<WayFacts>>();
  const authorizations = new WeakMap<AuthorizationRecord, Uint8Array>();

  return {
    request(into, record) {
      into.raw(requestStart);
      into.string(record.start);
      into.raw(partOf(connections, record.connection, record, isSameConnection, connectionFacts));
      const way = record.direction === "outbound" ? (record.upstream ?? "") : record.connection;
      into.raw(partOf(ways, way, record, isSameWay, wayFacts));
      into.raw(KEYS.durationMs);
      into.milliseconds(record.durationMs);
      if (record.responseMs !== undefined) {
        into.raw(KEYS.responseMs);
        into.milliseconds(record.responseMs);
      }
      text(into, KEYS.method, record.method);
      text(into, KEYS.path, record.path);
      text(into, KEYS.authority, record.authority);
      text(into, KEYS.requestId, record.requestId);
      text(into, KEYS.traceId, record.traceId);
      text(into, KEYS.userAgent, record.userAgent);
      into.raw(KEYS.status);
      into.number(record.status);
      into.raw(KEYS.flags);
      into.raw(record.flags.length === 0 ? NO_FLAGS : encodeJson(record.flags));
      text(into, KEYS.detail, record.detail);
      if (record.authorization) {
        into.raw(KEYS.authorization);
        into.raw(authorizationOf(record.authorization));
      }
      into.raw(KEYS.requestBytes);
      into.number(record.requestBytes);
      into.raw(KEYS.responseBytes);
      into.number(record.responseBytes);
      into.raw(END);
    },
    connection(into, record) {
      const { open: _open, start, detail, ...rest } = record;
      const facts = detail === undefined ? rest : { ...rest, detail: detail.slice(0, MAX_TEXT) };
      into.raw(connectionStart);
      into.string(start);
      into.raw(COMMA);
      into.raw(encodeJson(facts).subarray(1, -1));
      into.raw(END);
    },
  };

  function authorizationOf(authorization: AuthorizationRecord): Uint8Array {
    let bytes = authorizations.get(authorization);
    if (!bytes) {
      bytes = encodeJson(authorization);
      authorizations.set(authorization, bytes);
    }
    return bytes;
  }
}

function text(into: LineBuffer, key: Uint8Array, value: string | undefined): void {
  if (value === undefined) return;
  into.raw(key);
  into.string(value, MAX_TEXT);
}

function partOf<Key, Facts extends object>(
  parts: Map<Key, Part<Facts>>,
  key: Key,
  record: RequestRecord & Facts,
  isSame: (a: Facts, b: Facts) => boolean,
  factsOf: (record: RequestRecord & Facts) => Facts,
): Uint8Array {
  const known = parts.get(key);
  if (known && isSame(known.facts, record)) return known.bytes;
  if (parts.size >= MAX_PARTS) parts.clear();
  const facts = factsOf(record);
  const bytes = Buffer.concat([COMMA, encodeJson(facts).subarray(1, -1)]);
  parts.set(key, { facts, bytes });
  return bytes;
}

function connectionFacts(record: RequestRecord): ConnectionFacts {
  const { connection, direction, peerAddress, originalDestination, protocol, localSpiffeId } = record;
  const facts = { connection, direction, peerAddress, originalDestination, protocol };
  return localSpiffeId === undefined ? facts : { ...facts, localSpiffeId };
}

function isSameConnection(a: ConnectionFacts, b: ConnectionFacts): boolean {
  return (
    a.connection === b.connection &&
    a.direction === b.direction &&
    a.protocol === b.protocol &&
    a.peerAddress === b.peerAddress &&
    a.originalDestination === b.originalDestination &&
    a.localSpiffeId === b.localSpiffeId
  );
}

function wayFacts({ security, service, upstream, peerSpiffeId, peerSerial, tlsVersion }: RequestRecord): WayFacts {
  return {
    security,
    ...(service === undefined ? {} : { service }),
    ...(upstream === undefined ? {} : { upstream }),
    ...(peerSpiffeId === undefined ? {} : { peerSpiffeId }),
    ...(peerSerial === undefined ? {} : { peerSerial }),
    ...(tlsVersion === undefined ? {} : { tlsVersion }),
  };
}

function isSameWay(a: WayFacts, b: WayFacts): boolean {
  return (
    a.security === b.security &&
    a.service === b.service &&
    a.upstream === b.upstream &&
    a.peerSpiffeId === b.peerSpiffeId &&
    a.peerSerial === b.peerSerial &&
    a.tlsVersion === b.tlsVersion
  );
}
