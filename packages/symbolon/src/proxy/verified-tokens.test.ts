import { describe, expect, test } from "bun:test";
import type { CompactToken } from "@symbolon/policy";
import { VerifiedTokens } from "./verified-tokens.ts";

const KEYS = { keys: [] };
const token = (text: string, exp?: number): CompactToken => ({
  text,
  algorithm: "ES256",
  hasCriticalHeader: false,
  payloadPart: "",
  claims: exp === undefined ? {} : { exp },
});

describe("tokens that were verified", () => {
  test("are found by their whole text until their exp, to the millisecond, with the keys that verified them", () => {
    const tokens = new VerifiedTokens();
    tokens.add(token("a.b.c", 100), KEYS, 0);
    expect(tokens.find("a.b.c", 99_999)?.keys).toBe(KEYS);
    expect(tokens.find("a.b.d", 0)).toBeUndefined();
    expect(tokens.find("a.b.c", 100_000)).toBeUndefined();
    expect(tokens.size).toBe(0);
  });

  test("are not kept when they came in after their exp, which skewed clocks allow, and for ever without one", () => {
    const tokens = new VerifiedTokens();
    tokens.add(token("late", 100), KEYS, 100_000);
    expect(tokens.size).toBe(0);
    tokens.add(token("just", 100.5), KEYS, 100_499);
    expect(tokens.find("just", 100_499)).toBeDefined();
    expect(tokens.find("just", 100_500)).toBeUndefined();
    tokens.add(token("endless"), KEYS, 0);
    expect(tokens.find("endless", Number.MAX_SAFE_INTEGER)).toBeDefined();
  });

  test("are bounded in number: what is asked for stays, the rest goes", () => {
    const tokens = new VerifiedTokens({ tokens: 10, characters: 1000 });
    tokens.add(token("hot"), KEYS, 0);
    for (let index = 0; index < 1000; index++) {
      tokens.add(token(`t${index}`), KEYS, 0);
      expect(tokens.find("hot", 0)).toBeDefined();
      expect(tokens.size).toBeLessThanOrEqual(20);
    }
    expect(tokens.find("t1", 0)).toBeUndefined();
  });

  test("are bounded in length", () => {
    const tokens = new VerifiedTokens({ tokens: 1000, characters: 100 });
    for (let index = 0; index < 100; index++) tokens.add(token(`${index}`.padEnd(50, "x")), KEYS, 0);
    expect(tokens.size).toBeLessThanOrEqual(4);
  });
});
