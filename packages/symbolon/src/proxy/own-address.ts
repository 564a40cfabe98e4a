import { isIPv6 } from "node:net";

const MAPPED = "::ffff:";

/**
 * Addresses that lead back to this machine or stay on its link: 127.0.0.0/8, 169.254.0.0/16, the unspecified ones, ::1,
 * fe80::/10, and the IPv4 ones as IPv6 writes them. @param address as the kernel spells it
 */
export function isOwnAddress(address: string): boolean {
  const lower = address.toLowerCase();
  const plain = lower.startsWith(MAPPED) ? lower.slice(MAPPED.length) : lower;
  if (isIPv6(plain)) return plain === "::1" || plain === "::" || /^fe[89ab]/.test(plain);
  return plain.startsWith("169.254.") || plain.startsWith("127.") || plain === "0.0.0.0";
}
