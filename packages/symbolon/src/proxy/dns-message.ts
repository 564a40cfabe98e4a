/** The part of RFC 1035 that a resolver for the names of one mesh needs: one question, A records, an SOA. */
export interface DnsQuestion {
  readonly id: number;
  /** Lower case, without the final dot. */
  readonly name: string;
  readonly type: number;
  readonly recursionDesired: boolean;
  /** The question as it was sent: names are repeated in the spelling of the client. */
  readonly section: Uint8Array;
  /** Longest answer over UDP that the client takes (RFC 6891). */
  readonly maxUdpBytes: number;
}

export type ParsedQuery =
  | { readonly kind: "question"; readonly question: DnsQuestion }
  /** Not answered at all: no header, or an answer. */
  | { readonly kind: "ignored" }
  | { readonly kind: "unusable"; readonly id: number; readonly responseCode: ResponseCode };

export const TYPE_A = 1;
export const TYPE_AAAA = 28;
const TYPE_SOA = 6;
const TYPE_OPT = 41;
const CLASS_IN = 1;
export const NO_ERROR = 0;
export const FORMAT_ERROR = 1;
export const NAME_ERROR = 3;
export const NOT_IMPLEMENTED = 4;
export const REFUSED = 5;
export type ResponseCode = 0 | 1 | 3 | 4 | 5;

const HEADER_BYTES = 12;
const MAX_NAME_BYTES = 255;
const DEFAULT_UDP_BYTES = 512;
const FLAG_RESPONSE = 0x8000;
const FLAG_AUTHORITATIVE = 0x0400;
const FLAG_TRUNCATED = 0x0200;
const FLAG_RECURSION_DESIRED = 0x0100;
const FLAG_RECURSION_AVAILABLE = 0x0080;

/** Never throws; a question with compressed names is refused, as no client sends one. */
export function parseQuery(bytes: Uint8Array): ParsedQuery {
  if (bytes.length < HEADER_BYTES) return { kind: "ignored" };
  const id = uint16(bytes, 0);
  const flags = uint16(bytes, 2);
  if (flags & FLAG_RESPONSE) return { kind: "ignored" };
  const unusable = (responseCode: ResponseCode): ParsedQuery => ({ kind: "unusable", id, responseCode });
  if ((flags >> 11) & 15) return unusable(NOT_IMPLEMENTED);
  if (uint16(bytes, 4) !== 1) return unusable(FORMAT_ERROR);
  const name = readName(bytes, HEADER_BYTES);
  if (!name || name.end + 4 > bytes.length) return unusable(FORMAT_ERROR);
  if (uint16(bytes, name.end + 2) !== CLASS_IN) return unusable(REFUSED);
  return {
    kind: "question",
    question: {
      id,
      name: name.text,
      type: uint16(bytes, name.end),
      recursionDesired: (flags & FLAG_RECURSION_DESIRED) !== 0,
      section: bytes.slice(HEADER_BYTES, name.end + 4),
      maxUdpBytes: ednsSize(bytes, name.end + 4),
    },
  };
}

export interface DnsAnswer {
  readonly responseCode: ResponseCode;
  readonly addresses?: readonly string[];
  /** Zone whose SOA says that a name, or a type of it, does not exist (RFC 2308). */
  readonly zone?: string;
  readonly ttlSeconds: number;
}

/** @param maxBytes what does not fit is left out, with the flag that makes a client come again over TCP */
export function encodeResponse(question: DnsQuestion, answer: DnsAnswer, maxBytes: number): Uint8Array {
  const records = (answer.addresses ?? []).map((address) => addressRecord(address, answer.ttlSeconds));
  const authority = answer.zone === undefined ? [] : [soaRecord(answer.zone, answer.ttlSeconds)];
  const fixed = HEADER_BYTES + question.section.length + sum(authority);
  const fitting = records.slice(0, Math.max(0, Math.floor((maxBytes - fixed) / ADDRESS_RECORD_BYTES)));
  const truncated = fitting.length < records.length ? FLAG_TRUNCATED : 0;
  const desired = question.recursionDesired ? FLAG_RECURSION_DESIRED : 0;
  const flags =
    FLAG_RESPONSE | FLAG_AUTHORITATIVE | FLAG_RECURSION_AVAILABLE | desired | truncated | answer.responseCode;
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(question.id, 0);
  header.writeUInt16BE(flags, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(fitting.length, 6);
  header.writeUInt16BE(authority.length, 8);
  return Buffer.concat([header, question.section, ...fitting, ...authority]);
}

export function encodeError(id: number, responseCode: ResponseCode): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(FLAG_RESPONSE | responseCode, 2);
  return header;
}

const ADDRESS_RECORD_BYTES = 16;
/** Pointer to the question's name, which is right behind the header. */
const NAME_OF_QUESTION = 0xc000 | HEADER_BYTES;

function addressRecord(address: string, ttlSeconds: number): Buffer {
  const record = Buffer.alloc(ADDRESS_RECORD_BYTES);
  record.writeUInt16BE(NAME_OF_QUESTION, 0);
  record.writeUInt16BE(TYPE_A, 2);
  record.writeUInt16BE(CLASS_IN, 4);
  record.writeUInt32BE(ttlSeconds, 6);
  record.writeUInt16BE(4, 10);
  record.set(address.split(".").map(Number), 12);
  return record;
}

function soaRecord(zone: string, ttlSeconds: number): Buffer {
  const name = encodeName(zone);
  const numbers = Buffer.alloc(20);
  for (const [index, value] of [1, 7200, 1800, 86_400, ttlSeconds].entries()) numbers.writeUInt32BE(value, index * 4);
  const data = Buffer.concat([encodeName(`ns.dns.${zone}`), encodeName(`hostmaster.${zone}`), numbers]);
  const head = Buffer.alloc(10);
  head.writeUInt16BE(TYPE_SOA, 0);
  head.writeUInt16BE(CLASS_IN, 2);
  head.writeUInt32BE(ttlSeconds, 4);
  head.writeUInt16BE(data.length, 8);
  return Buffer.concat([name, head, data]);
}

function encodeName(name: string): Buffer {
  return Buffer.concat([
    ...name.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ]);
}

function readName(bytes: Uint8Array, start: number): { readonly text: string; readonly end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  for (;;) {
    const length = bytes[at];
    if (length === undefined || length > 63 || at + 1 + length > bytes.length || at - start >= MAX_NAME_BYTES)
      return undefined;
    if (length === 0) return { text: labels.join(".").toLowerCase(), end: at + 1 };
    const label = Buffer.from(bytes.subarray(at + 1, at + 1 + length)).toString("latin1");
    // Joined, it would read as two labels, and so as another name.
    if (label.includes(".")) return undefined;
    labels.push(label);
    at += 1 + length;
  }
}

/** Size in the OPT pseudo-record, when it is the first thing behind the question. */
function ednsSize(bytes: Uint8Array, at: number): number {
  const additional = uint16(bytes, 6) === 0 && uint16(bytes, 8) === 0 && uint16(bytes, 10) > 0;
  if (!additional || at + 11 > bytes.length || bytes[at] !== 0 || uint16(bytes, at + 1) !== TYPE_OPT)
    return DEFAULT_UDP_BYTES;
  return Math.min(4096, Math.max(DEFAULT_UDP_BYTES, uint16(bytes, at + 3)));
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function sum(parts: readonly Uint8Array[]): number {
  return parts.reduce((total, part) => total + part.length, 0);
}
