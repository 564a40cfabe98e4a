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
  test("are found by their whole text until their end and the skew, with the keys that verified them", () => {
    const tokens = new VerifiedTokens(60);
    tokens.add(token("a.b.c", 100), KEYS);
    expect(tokens.find("a.b.c", 159_999)?.keys).toBe(KEYS);
    expect(tokens.find("a.b.d", 0)).toBeUndefined();
    expect(tokens.find("a.b.c", 160_000)).toBeUndefined();
    expect(tokens.size).toBe(0);
  });

  test("are bounded in number: what is asked for stays, the rest goes", () => {
    const tokens = new VerifiedTokens(60, { tokens: 10, characters: 1000 });
    tokens.add(token("hot"), KEYS);
    for (let index = 0; index < 1000; index++) {
      tokens.add(token(`t${index}`), KEYS);
      expect(tokens.find("hot", 0)).toBeDefined();
      expect(tokens.size).toBeLessThanOrEqual(20);
    }
    expect(tokens.find("t1", 0)).toBeUndefined();
  });

  test("are bounded in length", () => {
    const tokens = new VerifiedTokens(60, { tokens: 1000, characters: 100 });
    for (let index = 0; index < 100; index++) tokens.add(token(`${index}`.padEnd(50, "x")), KEYS);
    expect(tokens.size).toBeLessThanOrEqual(4);
  });
});
