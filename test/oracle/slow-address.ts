/** Whether an address is in a block, by comparing texts of bits. */
export function addressInBlock(address: string, block: string): boolean {
  const [network = "", length] = block.split("/");
  const wanted = bitsOf(network);
  const actual = bitsOf(address);
  if (wanted === undefined || actual === undefined) return false;
  const missing = network.includes(":") ? 0 : 96;
  const compared = length === undefined ? 128 : Number(length) + missing;
  // A mapped address is an IPv4 address, and a block of IPv6 has no IPv4 address in it.
  if (actual.startsWith(MAPPED) && compared < MAPPED.length) return false;
  return wanted.slice(0, compared) === actual.slice(0, compared);
}

function bitsOf(address: string): string | undefined {
  if (!BITS.has(address)) BITS.set(address, readBits(address));
  return BITS.get(address);
}

/** 128 bits; IPv4 as the IPv4-mapped address. */
function readBits(address: string): string | undefined {
  if (/^\d+\.\d+\.\d+\.\d+$/.test(address)) {
    const octets = address.split(".").map((octet) => Number(octet).toString(2).padStart(8, "0"));
    return MAPPED + octets.join("");
  }
  try {
    // The URL parser writes every IPv6 address in one form, without dots.
    const text = new URL(`http://[${address}]/`).hostname.slice(1, -1);
    const [left = "", right] = text.split("::");
    const head = left === "" ? [] : left.split(":");
    const tail = right === undefined || right === "" ? [] : right.split(":");
    const zeros = Array.from({ length: right === undefined ? 0 : 8 - head.length - tail.length }, () => "0");
    return [...head, ...zeros, ...tail].map((group) => Number(`0x${group}`).toString(2).padStart(16, "0")).join("");
  } catch {
    return undefined;
  }
}

const MAPPED = "0".repeat(80) + "1".repeat(16);
const BITS = new Map<string, string | undefined>();
