import { describe, expect, test } from "bun:test";
import { ipv4ToNumber, isInRange, numberToIpv4, parseIpv4Range } from "./ipv4.ts";

describe("IPv4 addresses", () => {
  test("are read and written, end to end of the range", () => {
    for (const text of ["0.0.0.0", "10.244.0.1", "127.255.255.255", "128.0.0.0", "255.255.255.255"])
      expect(numberToIpv4(ipv4ToNumber(text) ?? -1)).toBe(text);
    expect(ipv4ToNumber("255.255.255.255")).toBe(2 ** 32 - 1);
  });

  test("nothing else is one: other readers take such texts for other addresses", () => {
    for (const text of [
      "",
      "1.2.3",
      "1.2.3.4.5",
      "256.0.0.0",
      "01.2.3.4",
      "0x1.2.3.4",
      "1.2.3.-4",
      " 1.2.3.4",
      "1.2.3.4\n",
      "::1",
      "1..2.3",
    ])
      expect({ text, value: ipv4ToNumber(text) }).toEqual({ text, value: undefined });
  });
});

describe("parseIpv4Range", () => {
  test("knows its size and its members", () => {
    const range = parseIpv4Range("10.244.0.0/24");
    expect(range.size).toBe(256);
    const inside = ["10.243.255.255", "10.244.0.0", "10.244.0.255", "10.244.1.0"].map((text) =>
      isInRange(range, ipv4ToNumber(text) ?? 0),
    );
    expect(inside).toEqual([false, true, true, false]);
    expect(parseIpv4Range("10.0.0.0/8").size).toBe(2 ** 24);
    expect(parseIpv4Range("10.0.0.4/30").size).toBe(4);
  });

  test("refuses what is no range, too large or too small, and bits below the prefix", () => {
    for (const text of ["10.0.0.0", "10.0.0.0/7", "10.0.0.0/31", "10.0.0.0/-1", "10.0.0/16", "a/16", "10.0.0.0/16 "])
      expect(() => parseIpv4Range(text)).toThrow("is not of the form 10.244.0.0/16 (prefix 8 to 30)");
    expect(() => parseIpv4Range("10.244.1.0/16")).toThrow("has bits set below its prefix; use 10.244.0.0/16");
  });
});
