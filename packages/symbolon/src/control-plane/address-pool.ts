import { productError } from "../core/index.ts";
import { type Ipv4Range, ipv4ToNumber, isInRange, numberToIpv4 } from "../mesh/index.ts";

/** Hands out the addresses of one range, each to one holder at a time. */
export interface AddressPool {
  /** @throws ERR_ADDRESS_RANGE_EXHAUSTED */
  allocate(): string;
  /**
   * Takes one certain address.
   * @throws ERR_ADDRESS_UNUSABLE when it is outside the range, reserved or taken
   */
  claim(address: string): void;
  release(address: string): void;
  isTaken(address: string): boolean;
  /** Address that was handed out last; kept across restarts, so that a freed address is used again as late as possible. */
  readonly cursor: string | undefined;
}

/** First addresses of a range that nobody gets: the network itself, and the mesh's bridge. */
const RESERVED_AT_START = 2;

/**
 * Round robin: a caller that still has an old address in mind meets nobody there for as long as possible.
 * @param what "pod" or "service", for messages
 */
export function createAddressPool(range: Ipv4Range, what: string, cursor?: string): AddressPool {
  const first = range.network + RESERVED_AT_START;
  const last = range.network + range.size - 2;
  const taken = new Set<number>();
  let current = (cursor === undefined ? undefined : ipv4ToNumber(cursor)) ?? first - 1;
  if (current < first - 1 || current > last) current = first - 1;
  let handedOut = cursor;

  const rangeText = `${numberToIpv4(range.network)}/${range.prefixLength}`;
  return {
    allocate() {
      for (let tried = first; tried <= last; tried++) {
        current = current >= last ? first : current + 1;
        if (taken.has(current)) continue;
        taken.add(current);
        handedOut = numberToIpv4(current);
        return handedOut;
      }
      throw productError(
        "ERR_ADDRESS_RANGE_EXHAUSTED",
        `all ${last - first + 1} ${what} addresses of ${rangeText} are in use; start the mesh with a larger range`,
      );
    },
    claim(address) {
      const value = ipv4ToNumber(address);
      const refuse = (why: string) =>
        productError("ERR_ADDRESS_UNUSABLE", `${what} address "${address}" ${why}`, { details: { range: rangeText } });
      if (value === undefined || !isInRange(range, value)) throw refuse(`is not in the ${what} range ${rangeText}`);
      if (value < first || value > last)
        throw refuse(`is reserved; use ${numberToIpv4(first)} to ${numberToIpv4(last)}`);
      if (taken.has(value)) throw refuse("is already in use");
      taken.add(value);
    },
    release(address) {
      const value = ipv4ToNumber(address);
      if (value !== undefined) taken.delete(value);
    },
    isTaken(address) {
      const value = ipv4ToNumber(address);
      return value !== undefined && taken.has(value);
    },
    get cursor() {
      return handedOut;
    },
  };
}
