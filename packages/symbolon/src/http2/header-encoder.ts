import { type Header, STATIC_TABLE } from "./header-table.ts";

const STATIC_NAMES = new Map(STATIC_TABLE.map(([name], at) => [name, at + 1] as const).toReversed());
const STATIC_HEADERS = new Map(STATIC_TABLE.map((header, at) => [header.join("\0"), at + 1] as const));

/**
 * A header block that uses the static table only: it depends on nothing that was sent before, so that a block may be
 * encoded once for all connections. Nothing is put into the other side's table (RFC 7541 §6.2.2).
 */
export function encodeHeaders(headers: readonly Header[]): Buffer {
  return Buffer.concat(headers.map(encodeHeader));
}

function encodeHeader(header: Header): Buffer {
  const whole = STATIC_HEADERS.get(header.join("\0"));
  if (whole !== undefined) return integer(whole, 7, 0x80);
  const [name, value] = header;
  const named = STATIC_NAMES.get(name);
  return named === undefined
    ? Buffer.concat([Buffer.of(0), string(name), string(value)])
    : Buffer.concat([integer(named, 4, 0), string(value)]);
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  return Buffer.concat([integer(bytes.length, 7, 0), bytes]);
}

/** RFC 7541 §5.1. */
function integer(value: number, prefixBits: number, flags: number): Buffer {
  const max = 2 ** prefixBits - 1;
  if (value < max) return Buffer.of(flags | value);
  const octets = [flags | max];
  let rest = value - max;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) octets.push((rest % 0x80) | 0x80);
  return Buffer.from([...octets, rest]);
}
