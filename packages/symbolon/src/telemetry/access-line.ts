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
/** Ways whose beginnings of lines are kept; beyond it all are made anew. */
const MAX_WAYS = 2048;
/** Longer texts of a client are not kept for its next request. */
const MAX_RECURRING_BYTES = 1024;

const literal = (text: string) => Buffer.from(text, "latin1");
const KEYS = {
  start: literal(',"start":'),
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
const NO_FLAGS = literal(',"flags":[]');
const END = literal("}\n");
const LINE_END = literal("\n");

/** What all requests that go one way have in common. */
type WayFacts = Pick<
  RequestRecord,
  | "connection"
  | "direction"
  | "peerAddress"
  | "originalDestination"
  | "protocol"
  | "localSpiffeId"
  | "security"
  | "service"
  | "upstream"
  | "peerSpiffeId"
  | "peerSerial"
  | "tlsVersion"
>;
/** What mostly is as it was in the request before. */
interface Recurring {
  readonly method: string;
  readonly authority: string | undefined;
  readonly userAgent: string | undefined;
  readonly authorization: AuthorizationRecord | undefined;
  readonly bytes: Uint8Array;
}

/** From a connection to an upstream. Its parts of a line are made into bytes once, and copied into each. */
interface Way {
  readonly facts: WayFacts;
  readonly start: Uint8Array;
  recurring: Recurring | undefined;
}

interface Ways {
  /** That the last request went. */
  last: Way;
  readonly byUpstream: Map<string, Way>;
}

export function createAccessLineWriter(pod: { readonly name: string; readonly namespace: string }): AccessLineWriter {
  const podFacts = { pod: pod.name, namespace: pod.namespace };
  const ways = new Map<number, Ways>();
  let wayCount = 0;

  return {
    request(into, record) {
      const way = wayOf(record);
      into.raw(way.start);
      writeRecurring(into, way, record);
      into.raw(KEYS.start);
      into.string(record.start);
      text(into, KEYS.path, record.path);
      text(into, KEYS.requestId, record.requestId);
      text(into, KEYS.traceId, record.traceId);
      into.raw(KEYS.durationMs);
      into.milliseconds(record.durationMs);
      if (record.responseMs !== undefined) {
        into.raw(KEYS.responseMs);
        into.milliseconds(record.responseMs);
      }
      into.raw(KEYS.status);
      into.number(record.status);
      if (record.flags.length === 0) into.raw(NO_FLAGS);
      else {
        into.raw(KEYS.flags);
        into.raw(encodeJson(record.flags));
      }
      text(into, KEYS.detail, record.detail);
      into.raw(KEYS.requestBytes);
      into.number(record.requestBytes);
      into.raw(KEYS.responseBytes);
      into.number(record.responseBytes);
      into.raw(END);
    },
    connection(into, record) {
      const { open: _open, detail, ...rest } = record;
      const facts = detail === undefined ? rest : { ...rest, detail: detail.slice(0, MAX_TEXT) };
      into.raw(encodeJson({ kind: "connection", ...podFacts, ...facts }));
      into.raw(LINE_END);
    },
  };

  function wayOf(record: RequestRecord): Way {
    const known = ways.get(record.connection);
    if (known && isSameWay(known.last.facts, record)) return known.last;
    const upstream = record.upstream ?? "";
    const way = known?.byUpstream.get(upstream);
    if (!known || !way || !isSameWay(way.facts, record)) return keep(upstream, newWay(podFacts, record));
    known.last = way;
    return way;
  }

  function keep(upstream: string, way: Way): Way {
    if (wayCount >= MAX_WAYS) {
      ways.clear();
      wayCount = 0;
    }
    wayCount++;
    const { connection } = way.facts;
    const known = ways.get(connection);
    if (known) known.last = way;
    const { byUpstream } = known ?? { byUpstream: new Map<string, Way>() };
    byUpstream.set(upstream, way);
    if (!known) ways.set(connection, { last: way, byUpstream });
    return way;
  }
}

/** Writes what is as it was last time by copying it. */
function writeRecurring(into: LineBuffer, way: Way, record: RequestRecord): void {
  const { recurring } = way;
  if (
    recurring &&
    recurring.method === record.method &&
    recurring.authority === record.authority &&
    recurring.userAgent === record.userAgent &&
    recurring.authorization === record.authorization
  )
    return into.raw(recurring.bytes);
  const from = into.length;
  const { method, authority, userAgent, authorization } = record;
  text(into, KEYS.method, method);
  text(into, KEYS.authority, authority);
  text(into, KEYS.userAgent, userAgent);
  if (authorization) {
    into.raw(KEYS.authorization);
    into.raw(encodeJson(authorization));
  }
  const written = into.written.subarray(from);
  if (written.length > MAX_RECURRING_BYTES) return;
  way.recurring = { method, authority, userAgent, authorization, bytes: Buffer.from(written) };
}

function text(into: LineBuffer, key: Uint8Array, value: string | undefined): void {
  if (value === undefined) return;
  into.raw(key);
  into.string(value, MAX_TEXT);
}

function newWay(pod: { readonly pod: string; readonly namespace: string }, record: RequestRecord): Way {
  const { connection, direction, peerAddress, originalDestination, protocol, security } = record;
  const { localSpiffeId, service, upstream, peerSpiffeId, peerSerial, tlsVersion } = record;
  const facts: WayFacts = {
    connection,
    direction,
    peerAddress,
    originalDestination,
    protocol,
    ...(localSpiffeId === undefined ? {} : { localSpiffeId }),
    security,
    ...(service === undefined ? {} : { service }),
    ...(upstream === undefined ? {} : { upstream }),
    ...(peerSpiffeId === undefined ? {} : { peerSpiffeId }),
    ...(peerSerial === undefined ? {} : { peerSerial }),
    ...(tlsVersion === undefined ? {} : { tlsVersion }),
  };
  // Without the end of the object.
  return { facts, start: encodeJson({ kind: "request", ...pod, ...facts }).subarray(0, -1), recurring: undefined };
}

function isSameWay(a: WayFacts, b: WayFacts): boolean {
  return (
    a.connection === b.connection &&
    a.direction === b.direction &&
    a.protocol === b.protocol &&
    a.peerAddress === b.peerAddress &&
    a.originalDestination === b.originalDestination &&
    a.localSpiffeId === b.localSpiffeId &&
    a.security === b.security &&
    a.service === b.service &&
    a.upstream === b.upstream &&
    a.peerSpiffeId === b.peerSpiffeId &&
    a.peerSerial === b.peerSerial &&
    a.tlsVersion === b.tlsVersion
  );
}
