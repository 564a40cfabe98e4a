import { canonicalServerName } from "../mesh/data-plane.ts";

/** What the first bytes of a connection are. */
export type FirstBytes =
  | { readonly kind: "not_tls" }
  /** A TLS record with a ClientHello that is not complete yet. */
  | { readonly kind: "incomplete" }
  | {
      readonly kind: "client_hello";
      readonly alpn: readonly string[];
      /** As `canonicalServerName` has it. */
      readonly sni?: string;
      /** A server name that is not one host_name: servers differ in what they make of it. */
      readonly sniUnreadable?: true;
    };

const RECORD_HANDSHAKE = 22;
const RECORD_HEADER_BYTES = 5;
/** RFC 8446 §5.1 */
const MAX_RECORD_BYTES = 16_384;
const HANDSHAKE_CLIENT_HELLO = 1;
const HANDSHAKE_HEADER_BYTES = 4;
const EXTENSION_SERVER_NAME = 0;
const EXTENSION_ALPN = 16;

/**
 * Looks for a whole ClientHello (RFC 8446 §4.1.2), however it is cut into TCP segments and TLS records. Bytes that
 * cannot be one are not TLS, as Envoy's TLS inspector has it. The caller bounds how many bytes it collects.
 */
export function inspectFirstBytes(bytes: Uint8Array): FirstBytes {
  if (bytes.length === 0) return { kind: "incomplete" };
  if (bytes[0] !== RECORD_HANDSHAKE) return { kind: "not_tls" };
  const handshake = joinRecords(bytes);
  if (handshake === undefined) return { kind: "not_tls" };
  if (handshake.length > 0 && handshake[0] !== HANDSHAKE_CLIENT_HELLO) return { kind: "not_tls" };
  if (handshake.length < HANDSHAKE_HEADER_BYTES) return { kind: "incomplete" };
  const length = uint24(handshake, 1);
  if (handshake.length < HANDSHAKE_HEADER_BYTES + length) return { kind: "incomplete" };
  const body = handshake.subarray(HANDSHAKE_HEADER_BYTES, HANDSHAKE_HEADER_BYTES + length);
  const extensions = readExtensions(body);
  const alpn = extensions && (extensions.alpn ? readProtocolNames(extensions.alpn) : []);
  if (!extensions || alpn === undefined) return { kind: "not_tls" };
  if (!extensions.serverName) return { kind: "client_hello", alpn };
  const sni = readHostName(extensions.serverName);
  return { kind: "client_hello", alpn, ...(sni === undefined ? { sniUnreadable: true } : { sni }) };
}

/**
 * Handshake bytes of the records so far, up to a whole ClientHello: what comes after it decides nothing, or the verdict
 * would hang on how the bytes were cut. Undefined when something else than a handshake record comes first.
 */
function joinRecords(bytes: Uint8Array): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length && !isWhole(parts)) {
    if (bytes[at] !== RECORD_HANDSHAKE) return parts.length > 0 ? concat(parts) : undefined;
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) return undefined;
    if (at + RECORD_HEADER_BYTES > bytes.length) break;
    const length = uint16(bytes, at + 3);
    if (length === 0 || length > MAX_RECORD_BYTES) return undefined;
    parts.push(bytes.subarray(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + length));
    at += RECORD_HEADER_BYTES + length;
  }
  return concat(parts);
}

function isWhole(parts: readonly Uint8Array[]): boolean {
  if (parts.length === 0) return false;
  const handshake = concat(parts);
  return (
    handshake.length >= HANDSHAKE_HEADER_BYTES && handshake.length >= HANDSHAKE_HEADER_BYTES + uint24(handshake, 1)
  );
}

interface Extensions {
  alpn?: Uint8Array;
  serverName?: Uint8Array;
}

/** Contents of the extensions that somebody here reads; undefined when the structure is broken. */
function readExtensions(hello: Uint8Array): Extensions | undefined {
  let at = 2 + 32;
  const skip = (lengthBytes: 1 | 2): boolean => {
    if (at + lengthBytes > hello.length) return false;
    at += lengthBytes + (lengthBytes === 1 ? (hello[at] ?? 0) : uint16(hello, at));
    return at <= hello.length;
  };
  // legacy_session_id, cipher_suites, legacy_compression_methods
  if (!skip(1) || !skip(2) || !skip(1)) return undefined;
  const found: Extensions = {};
  if (at === hello.length) return found;
  if (at + 2 > hello.length || at + 2 + uint16(hello, at) !== hello.length) return undefined;
  at += 2;
  while (at < hello.length) {
    if (at + 4 > hello.length) return undefined;
    const type = uint16(hello, at);
    const end = at + 4 + uint16(hello, at + 2);
    if (end > hello.length) return undefined;
    // The first of each counts; a TLS stack refuses a second one (RFC 8446 §4.2).
    if (type === EXTENSION_ALPN) found.alpn ??= hello.subarray(at + 4, end);
    if (type === EXTENSION_SERVER_NAME) found.serverName ??= hello.subarray(at + 4, end);
    at = end;
  }
  return found;
}

/** RFC 6066 §3: a list of one host_name. Undefined when it is something else. */
function readHostName(list: Uint8Array): string | undefined {
  const length = list.length < 5 ? 0 : uint16(list, 3);
  if (length === 0 || list[2] !== 0 || uint16(list, 0) !== list.length - 2 || list.length !== length + 5)
    return undefined;
  const name = Buffer.from(list.buffer, list.byteOffset + 5, length).toString("latin1");
  return canonicalServerName(name) || undefined;
}

/** RFC 7301 §3.1 */
function readProtocolNames(list: Uint8Array): readonly string[] | undefined {
  if (list.length < 2 || uint16(list, 0) !== list.length - 2) return undefined;
  const names: string[] = [];
  for (let at = 2; at < list.length; ) {
    const length = list[at] ?? 0;
    if (length === 0 || at + 1 + length > list.length) return undefined;
    names.push(String.fromCharCode(...list.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return names;
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function uint24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 16) | uint16(bytes, at + 1);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const [first = new Uint8Array()] = parts;
  return parts.length <= 1 ? first : Buffer.concat(parts);
}
