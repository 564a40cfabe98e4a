/** An address as a number; an IPv4-mapped IPv6 address is the IPv4 address (istio-security §3.8). */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly bits: bigint;
}

/** A CIDR block with its host bits cleared. */
export interface IpBlock extends IpAddress {
  readonly prefixLength: number;
}

/** Undefined for anything that is not an address: octets with leading zeros, zones and ports are refused. */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (!text.includes(":")) {
    const bits = parseIpv4(text);
    return bits === undefined ? undefined : { family: 4, bits };
  }
  const bits = parseIpv6(text);
  if (bits === undefined) return undefined;
  return bits >> 32n === MAPPED ? { family: 4, bits: bits & IPV4_MASK } : { family: 6, bits };
}

/** "A bare IP is /32 or /128 … a prefix with host bits set is accepted and masked." */
export function parseIpBlock(text: string): IpBlock | undefined {
  const slash = text.indexOf("/");
  const addressText = slash < 0 ? text : text.slice(0, slash);
  const address = parseIpAddress(addressText);
  if (!address) return undefined;
  const width = addressText.includes(":") ? 128 : 32;
  const written = slash < 0 ? width : parsePrefixLength(text.slice(slash + 1), width);
  if (written === undefined) return undefined;
  const isMapped = width === 128 && address.family === 4;
  // A block shorter than /96 around a mapped address is one of IPv6 and reaches beyond the mapped addresses.
  if (isMapped && written < 96) return maskBlock({ family: 6, bits: (MAPPED << 32n) | address.bits }, written);
  return maskBlock(address, isMapped ? written - 96 : written);
}

export function blockContains(block: IpBlock, address: IpAddress): boolean {
  const hostBits = BigInt(widthOf(block.family) - block.prefixLength);
  return block.family === address.family && block.bits >> hostBits === address.bits >> hostBits;
}

/** Many blocks as sorted ranges that do not touch: a look-up is a binary search. */
export class IpSet {
  readonly #ranges: Readonly<Record<4 | 6, readonly IpRange[]>>;

  constructor(blocks: readonly IpBlock[]) {
    this.#ranges = { 4: mergeRanges(blocks, 4), 6: mergeRanges(blocks, 6) };
  }

  has({ family, bits }: IpAddress): boolean {
    const ranges = this.#ranges[family];
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ranges[middle]?.first ?? 0n) <= bits) low = middle + 1;
      else high = middle;
    }
    const candidate = ranges[low - 1];
    return candidate !== undefined && bits <= candidate.last;
  }
}

interface IpRange {
  readonly first: bigint;
  readonly last: bigint;
}

function mergeRanges(blocks: readonly IpBlock[], family: 4 | 6): IpRange[] {
  const ranges = blocks.filter((block) => block.family === family).map(rangeOf);
  ranges.sort((left, right) => (left.first < right.first ? -1 : left.first > right.first ? 1 : 0));
  const merged: IpRange[] = [];
  for (const range of ranges) {
    const previous = merged.at(-1);
    if (previous === undefined || range.first > previous.last + 1n) merged.push(range);
    else if (range.last > previous.last) merged[merged.length - 1] = { first: previous.first, last: range.last };
  }
  return merged;
}

function rangeOf({ family, bits, prefixLength }: IpBlock): IpRange {
  return { first: bits, last: bits + (1n << BigInt(widthOf(family) - prefixLength)) - 1n };
}

function maskBlock({ family, bits }: IpAddress, prefixLength: number): IpBlock {
  const hostBits = BigInt(widthOf(family) - prefixLength);
  return { family, bits: (bits >> hostBits) << hostBits, prefixLength };
}

function widthOf(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

function parsePrefixLength(text: string, width: number): number | undefined {
  return /^(?:0|[1-9]\d{0,2})$/.test(text) && Number(text) <= width ? Number(text) : undefined;
}

function parseIpv4(text: string): bigint | undefined {
  const octets = text.split(".");
  if (octets.length !== 4 || !octets.every((octet) => OCTET.test(octet) && Number(octet) <= 255)) return undefined;
  return BigInt(octets.reduce((bits, octet) => bits * 256 + Number(octet), 0));
}

/** RFC 4291 §2.2: eight groups, one run of zeros as `::`, the last two groups as IPv4 if wanted. */
function parseIpv6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === "" ? [] : half.split(":")));
  if (!head) return undefined;
  const left = readGroups(head, tail === undefined);
  const right = readGroups(tail ?? [], true);
  if (!left || !right) return undefined;
  const zeros = 8 - left.length - right.length;
  if (tail === undefined ? zeros !== 0 : zeros < 1) return undefined;
  const groups = [...left, ...new Array<number>(zeros).fill(0), ...right];
  return groups.reduce((bits, group) => (bits << 16n) | BigInt(group), 0n);
}

function readGroups(texts: readonly string[], mayEndInIpv4: boolean): number[] | undefined {
  const groups: number[] = [];
  for (const [index, text] of texts.entries()) {
    if (GROUP.test(text)) groups.push(Number.parseInt(text, 16));
    else {
      const ipv4 = mayEndInIpv4 && index === texts.length - 1 ? parseIpv4(text) : undefined;
      if (ipv4 === undefined) return undefined;
      groups.push(Number(ipv4 >> 16n), Number(ipv4 & 0xffffn));
    }
  }
  return groups;
}

const OCTET = /^(?:0|[1-9]\d{0,2})$/;
const GROUP = /^[0-9a-fA-F]{1,4}$/;
const MAPPED = 0xffffn;
const IPV4_MASK = 0xffff_ffffn;
