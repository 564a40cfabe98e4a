import { type Random, toHex } from "@symbolon/spiffe/core";

/** 128 random bits (RFC 5280 §4.1.2.2 wants uniqueness, CA/B BR 7.1 unpredictability; SR-17). */
const RANDOM_BYTES = 16;

/** First octet of every serial: positive, never zero, and another one for each replica of a CA. */
export type SerialPrefix = number;

export const DEFAULT_SERIAL_PREFIX: SerialPrefix = 0x01;

export function createSerialNumber(random: Random, prefix: SerialPrefix = DEFAULT_SERIAL_PREFIX): bigint {
  if (!Number.isInteger(prefix) || prefix < 0x01 || prefix > 0x7f)
    throw new RangeError(`serial prefix ${prefix} is not in 1..127`);
  return BigInt(`0x${toHex(Uint8Array.of(prefix, ...random.bytes(RANDOM_BYTES)))}`);
}

/** Lower-case hex of the octets, as logs, records and `proxy-config secret` show it. */
export function serialNumberHex(serialNumber: bigint): string {
  const hex = serialNumber.toString(16);
  return hex.length % 2 === 0 ? hex : `0${hex}`;
}
