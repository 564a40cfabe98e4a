import { type Random, toHex } from "@symbolon/spiffe/core";

/** 128 random bits (RFC 5280 §4.1.2.2 wants uniqueness, CA/B BR 7.1 unpredictability; SR-17). */
const RANDOM_BYTES = 16;
/**
 * Before them the low octets of the time in 64ths of a second, so that records that are written together stand together
 * in the log's index: with random bits alone each of them changes a page of its own. Nothing is read from these octets,
 * and that they come round again after three days matters to nobody.
 */
const TIME_BYTES = 3;
const TICK_MS = 1000 / 64;

/** First octet of every serial: positive, never zero, and another one for each replica of a CA. */
export type SerialPrefix = number;

export const DEFAULT_SERIAL_PREFIX: SerialPrefix = 0x01;

/** 20 octets, which is as many as RFC 5280 §4.1.2.2 allows: prefix, time, random bits. */
export function createSerialNumber(random: Random, now: Date, prefix: SerialPrefix = DEFAULT_SERIAL_PREFIX): bigint {
  if (!Number.isInteger(prefix) || prefix < 0x01 || prefix > 0x7f)
    throw new RangeError(`serial prefix ${prefix} is not in 1..127`);
  const octets = new Uint8Array(1 + TIME_BYTES + RANDOM_BYTES);
  // The low 32 bits, of which the uppermost eight make room for the prefix.
  new DataView(octets.buffer).setUint32(0, Math.floor(now.getTime() / TICK_MS));
  octets[0] = prefix;
  octets.set(random.bytes(RANDOM_BYTES), 1 + TIME_BYTES);
  return BigInt(`0x${toHex(octets)}`);
}

/** Lower-case hex of the octets, as logs, records and `proxy-config secret` show it. */
export function serialNumberHex(serialNumber: bigint): string {
  const hex = serialNumber.toString(16);
  return hex.length % 2 === 0 ? hex : `0${hex}`;
}
