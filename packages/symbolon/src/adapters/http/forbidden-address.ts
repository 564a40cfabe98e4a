import { BlockList, isIP } from "node:net";

/** Why an address is never dialled for a URL of somebody else's, unless it is allowed by name (CVE-2026-41413, CV-49). */
const RANGES: readonly (readonly [network: string, prefix: number, why: string])[] = [
  ["169.254.0.0", 16, "link-local, where clouds keep their metadata services"],
  ["fe80::", 10, "link-local"],
  ["100.100.100.200", 32, "a cloud's metadata service"],
  ["168.63.129.16", 32, "a cloud's metadata service"],
  ["fd00:ec2::", 32, "a cloud's metadata service"],
  ["fd20:ce::254", 128, "a cloud's metadata service"],
  ["127.0.0.0", 8, "this machine"],
  ["::1", 128, "this machine"],
  ["0.0.0.0", 8, "this machine"],
  ["::", 128, "this machine"],
  ["224.0.0.0", 4, "multicast"],
  ["ff00::", 8, "multicast"],
  ["240.0.0.0", 4, "reserved"],
];

const LISTS = RANGES.map(([network, prefix, why]) => ({ list: subnets([`${network}/${prefix}`]), why }));

/** @param allowed of addresses that an administrator has named; undefined: it may be dialled */
export function whyForbidden(address: string, allowed: BlockList): string | undefined {
  const plain = withoutMapping(address);
  if (contains(allowed, plain)) return undefined;
  return LISTS.find(({ list }) => contains(list, plain))?.why;
}

/** @param ranges `ADDRESS/PREFIX`, or an address @throws TypeError for what is neither */
export function subnets(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = "", prefix] = range.split("/");
    const family = familyOf(network);
    const most = family === "ipv4" ? 32 : 128;
    const bits = prefix === undefined ? most : Number(prefix);
    if (!family || !Number.isInteger(bits) || bits < 0 || bits > most || prefix === "")
      throw new TypeError(`"${range}" is no address range such as 10.0.0.0/8`);
    list.addSubnet(network, bits, family);
  }
  return list;
}

function contains(list: BlockList, address: string): boolean {
  const family = familyOf(address);
  // What is no address is not dialled.
  return family !== undefined && list.check(address, family);
}

function familyOf(address: string): "ipv4" | "ipv6" | undefined {
  const family = isIP(address);
  return family === 4 ? "ipv4" : family === 6 ? "ipv6" : undefined;
}

/** IPv4 inside IPv6 (RFC 4291 §2.5.5, RFC 6052 §2.1) is judged as what it leads to. */
function withoutMapping(address: string): string {
  if (isIP(address) !== 6) return address;
  const canonical = new URL(`http://[${address.replace(/%.*$/, "")}]`).hostname;
  const inner = /^\[(?:::ffff:|64:ff9b::|::)([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(canonical);
  if (!inner) return address.replace(/%.*$/, "");
  const [high, low] = [Number.parseInt(inner[1] ?? "", 16), Number.parseInt(inner[2] ?? "", 16)];
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}
