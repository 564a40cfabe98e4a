import { equalsIgnoringCase, LOWER } from "./characters.ts";

/** Fields that mean something to the proxy; every other one is `other`. */
export const FIELD = {
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  upgrade: 5,
  expect: 6,
  /** Hop by hop, whatever Connection says: Keep-Alive, TE, Trailer, Proxy-* (RFC 9110 §7.6.1). */
  hopByHop: 7,
  forwardedClientCert: 8,
  forwardedProto: 9,
  requestId: 10,
  /** Names that only a proxy may use: x-envoy-*, x-symbolon-* (CV-14). */
  internal: 11,
  /** Refused in trailers besides the above: routing, authentication, content coding (RFC 9110 §6.5.1). */
  neverTrailer: 12,
  /** Dropped from trailers: they describe content that has already been passed on. */
  ignoredTrailer: 13,
  userAgent: 14,
  /** W3C Trace Context. */
  traceParent: 15,
} as const;

export type FieldId = (typeof FIELD)[keyof typeof FIELD];

const NAMES: Readonly<Record<string, FieldId>> = {
  host: FIELD.host,
  "content-length": FIELD.contentLength,
  "transfer-encoding": FIELD.transferEncoding,
  connection: FIELD.connection,
  upgrade: FIELD.upgrade,
  expect: FIELD.expect,
  "keep-alive": FIELD.hopByHop,
  te: FIELD.hopByHop,
  trailer: FIELD.hopByHop,
  "http2-settings": FIELD.hopByHop,
  "x-forwarded-client-cert": FIELD.forwardedClientCert,
  "x-forwarded-proto": FIELD.forwardedProto,
  "x-request-id": FIELD.requestId,
  "user-agent": FIELD.userAgent,
  traceparent: FIELD.traceParent,
  authorization: FIELD.neverTrailer,
  cookie: FIELD.neverTrailer,
  "set-cookie": FIELD.neverTrailer,
  "content-encoding": FIELD.neverTrailer,
  "cache-control": FIELD.neverTrailer,
  "max-forwards": FIELD.neverTrailer,
  forwarded: FIELD.neverTrailer,
  "x-forwarded-for": FIELD.neverTrailer,
  "x-forwarded-host": FIELD.neverTrailer,
  "content-type": FIELD.ignoredTrailer,
  "content-range": FIELD.ignoredTrailer,
  range: FIELD.ignoredTrailer,
};

const PREFIXES: readonly { readonly prefix: Uint8Array; readonly id: FieldId }[] = [
  { prefix: Buffer.from("proxy-"), id: FIELD.hopByHop },
  { prefix: Buffer.from("x-envoy-"), id: FIELD.internal },
  { prefix: Buffer.from("x-symbolon-"), id: FIELD.internal },
];

interface Candidate {
  readonly name: Uint8Array;
  readonly id: FieldId;
}

const LONGEST = Math.max(...Object.keys(NAMES).map((name) => name.length));
/** Names of one length whose first letter has the same five low bits; most have none beside them. */
const BY_LENGTH_AND_FIRST: readonly (readonly Candidate[] | undefined)[] = Array.from(
  { length: (LONGEST + 1) * 32 },
  (_, slot) => {
    const found = Object.entries(NAMES)
      .filter(([name]) => slotOf(name.length, name.charCodeAt(0)) === slot)
      .map(([name, id]) => ({ name: Buffer.from(name), id }));
    return found.length > 0 ? found : undefined;
  },
);
const STARTS_PREFIX = new Uint8Array(256);
for (const { prefix } of PREFIXES) STARTS_PREFIX[prefix[0] as number] = 1;

function slotOf(length: number, first: number): number {
  return length * 32 + (first & 31);
}

export function fieldId(bytes: Uint8Array, start: number, end: number): FieldId {
  const first = LOWER[bytes[start] as number] as number;
  const candidates = end - start <= LONGEST ? BY_LENGTH_AND_FIRST[slotOf(end - start, first)] : undefined;
  if (candidates !== undefined)
    for (let index = 0; index < candidates.length; index++) {
      const { name, id } = candidates[index] as Candidate;
      if (equalsIgnoringCase(bytes, start, end, name)) return id;
    }
  if (STARTS_PREFIX[first] === 0) return FIELD.other;
  for (const { prefix, id } of PREFIXES)
    if (end - start > prefix.length && equalsIgnoringCase(bytes, start, start + prefix.length, prefix)) return id;
  return FIELD.other;
}
