import { productError } from "../core/index.ts";

/** An IPv4 network; addresses are 32-bit numbers. */
export interface Ipv4Range {
  readonly network: number;
  readonly prefixLength: number;
  /** Number of addresses, network and broadcast address included. */
  readonly size: number;
}

/** @throws ERR_CONFIG_INVALID */
export function parseIpv4Range(text: string): Ipv4Range {
  const match = /^([\d.]+)\/(\d{1,2})$/.exec(text);
  const address = match?.[1] === undefined ? undefined : ipv4ToNumber(match[1]);
  const prefixLength = Number(match?.[2]);
  if (address === undefined || !(prefixLength >= 8 && prefixLength <= 30))
    throw productError(
      "ERR_CONFIG_INVALID",
      `address range "${text}" is not of the form 10.244.0.0/16 (prefix 8 to 30)`,
    );
  const size = 2 ** (32 - prefixLength);
  if (address % size !== 0)
    throw productError(
      "ERR_CONFIG_INVALID",
      `address range "${text}" has bits set below its prefix; use ${numberToIpv4(address - (address % size))}/${prefixLength}`,
    );
  return { network: address, prefixLength, size };
}

export function isInRange(range: Ipv4Range, address: number): boolean {
  return address >= range.network && address < range.network + range.size;
}

/** Dotted decimal with four parts of 0 to 255 and no leading zeros; `undefined` otherwise. */
export function ipv4ToNumber(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255))
    return undefined;
  return parts.reduce((value, part) => value * 256 + Number(part), 0);
}

export function numberToIpv4(value: number): string {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join(".");
}
