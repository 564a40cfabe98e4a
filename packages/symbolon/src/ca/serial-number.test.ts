import { describe, expect, test } from "bun:test";
import { systemRandom } from "@symbolon/spiffe/core";
import { createSerialNumber, serialNumberHex } from "./serial-number.ts";

const now = new Date("2026-01-01T00:00:00.999Z");
const hexOf = (...args: Parameters<typeof createSerialNumber>): string => serialNumberHex(createSerialNumber(...args));
const randomOf = (fill: number) => ({ ...systemRandom, bytes: (length: number) => new Uint8Array(length).fill(fill) });

describe("a serial number (SR-17)", () => {
  test("is the replica's prefix, three octets of the time, and 128 random bits", () => {
    expect(hexOf(randomOf(0xab), now, 0x7f)).toBe(`7f6e403f${"ab".repeat(16)}`);
    // 1,767,225,600 seconds and 63/64.
    expect(((1_767_225_600n * 64n + 63n) % (1n << 24n)).toString(16)).toBe("6e403f");
  });

  test("has 20 octets and is positive, whatever the random bits are", () => {
    for (const fill of [0x00, 0xff])
      for (const prefix of [0x01, 0x7f]) {
        const serial = createSerialNumber(randomOf(fill), now, prefix);
        expect(serial > 0n && serial < 1n << 159n).toBe(true);
        expect(serialNumberHex(serial)).toHaveLength(40);
      }
  });

  test("is another one each time at one moment, in all of its 128 random bits", () => {
    const serials = Array.from({ length: 2000 }, () => createSerialNumber(systemRandom, now));
    expect(new Set(serials).size).toBe(serials.length);
    for (let bit = 0n; bit < 128n; bit++) {
      const ones = serials.filter((serial) => (serial >> bit) & 1n).length;
      // 1000 expected with a deviation of 22: ten of them away is no accident.
      expect(Math.abs(ones - 1000)).toBeLessThan(224);
    }
  });

  test("goes up with the time", () => {
    const later = new Date(now.getTime() + 16);
    expect(createSerialNumber(randomOf(0x00), later) > createSerialNumber(randomOf(0xff), now)).toBe(true);
  });

  test("is not made with a prefix outside of 1 to 127", () => {
    for (const prefix of [0x00, 0x80, 1.5, Number.NaN])
      expect(() => createSerialNumber(systemRandom, now, prefix)).toThrow("not in 1..127");
  });
});
