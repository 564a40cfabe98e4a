import { describe, expect, test } from "bun:test";
import { parseIpv4Range } from "../mesh/index.ts";
import { type AddressPool, createAddressPool } from "./address-pool.ts";

const pool = (range: string, cursor?: string): AddressPool => createAddressPool(parseIpv4Range(range), "pod", cursor);
const take = (from: AddressPool, count: number) => Array.from({ length: count }, () => from.allocate());

describe("address pool", () => {
  test("gives out every address but network, bridge and broadcast, each once", () => {
    const addresses = pool("10.0.0.0/29");
    expect(take(addresses, 5)).toEqual(["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
    expect(() => addresses.allocate()).toThrow(
      expect.objectContaining({
        code: "ERR_ADDRESS_RANGE_EXHAUSTED",
        message: "all 5 pod addresses of 10.0.0.0/29 are in use; start the mesh with a larger range",
      }),
    );
  });

  test("the smallest range has one address", () => {
    const addresses = pool("10.0.0.0/30");
    expect(addresses.allocate()).toBe("10.0.0.2");
    expect(() => addresses.allocate()).toThrow("all 1 pod addresses");
  });

  test("a freed address is used again as late as possible", () => {
    const addresses = pool("10.0.0.0/29");
    take(addresses, 2);
    addresses.release("10.0.0.2");
    expect(take(addresses, 4)).toEqual(["10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.2"]);
  });

  test("an address that is held is never given out, however often the pool goes round", () => {
    const addresses = pool("10.0.0.0/29");
    const [held] = take(addresses, 1);
    for (let round = 0; round < 20; round++) {
      const other = addresses.allocate();
      expect(other).not.toBe(held);
      addresses.release(other);
    }
  });

  test("goes on where an earlier run stopped", () => {
    const before = pool("10.0.0.0/29");
    take(before, 2);
    expect(before.cursor).toBe("10.0.0.3");
    expect(pool("10.0.0.0/29", before.cursor).allocate()).toBe("10.0.0.4");
    expect(pool("10.0.0.0/29", "10.0.0.6").allocate()).toBe("10.0.0.2");
  });

  test("a cursor of another range, or none at all, starts at the beginning", () => {
    for (const cursor of ["10.9.0.1", "10.0.0.7", "nonsense", undefined])
      expect(pool("10.0.0.0/29", cursor).allocate()).toBe("10.0.0.2");
  });

  test("a certain address can be claimed while it is free and usable", () => {
    const addresses = pool("10.0.0.0/29");
    addresses.claim("10.0.0.3");
    expect(addresses.isTaken("10.0.0.3")).toBe(true);
    expect(take(addresses, 2)).toEqual(["10.0.0.2", "10.0.0.4"]);
    const refusals: readonly (readonly [string, string])[] = [
      ["10.0.0.3", "is already in use"],
      ["10.0.0.0", "is reserved; use 10.0.0.2 to 10.0.0.6"],
      ["10.0.0.1", "is reserved"],
      ["10.0.0.7", "is reserved"],
      ["10.0.0.8", "is not in the pod range 10.0.0.0/29"],
      ["nonsense", "is not in the pod range"],
    ];
    for (const [address, why] of refusals)
      expect(() => addresses.claim(address)).toThrow(
        expect.objectContaining({ code: "ERR_ADDRESS_UNUSABLE", message: expect.stringContaining(why) }),
      );
  });

  test("releasing what nobody holds changes nothing", () => {
    const addresses = pool("10.0.0.0/29");
    addresses.release("10.0.0.5");
    addresses.release("nonsense");
    expect(addresses.isTaken("nonsense")).toBe(false);
    expect(addresses.allocate()).toBe("10.0.0.2");
  });
});
