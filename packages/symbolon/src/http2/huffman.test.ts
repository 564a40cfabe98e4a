import { expect, test } from "bun:test";
import { CODE_LENGTHS, decodeHuffman } from "./huffman.ts";

const decode = (hex: string): string | undefined => {
  const bytes = Buffer.from(hex, "hex");
  return decodeHuffman(bytes, 0, bytes.length);
};

test("the code is complete: every sequence of bits is the beginning of one symbol", () => {
  expect(CODE_LENGTHS).toHaveLength(257);
  expect(CODE_LENGTHS.reduce((sum, length) => sum + 2 ** -length, 0)).toBe(1);
});

test("the strings of RFC 7541 C.4 and C.6 are read", () => {
  expect(decode("f1e3c2e5f23a6ba0ab90f4ff")).toBe("www.example.com");
  expect(decode("a8eb10649cbf")).toBe("no-cache");
  expect(decode("25a849e95ba97d7f")).toBe("custom-key");
  expect(decode("25a849e95bb8e8b4bf")).toBe("custom-value");
  expect(decode("d07abe941054d444a8200595040b8166e082a62d1bff")).toBe("Mon, 21 Oct 2013 20:13:21 GMT");
});

test("padding is at most seven ones, and the end of a string is never sent", () => {
  expect(decode("1f")).toBe("a");
  expect(decode("1e")).toBeUndefined();
  expect(decode("1fff")).toBeUndefined();
  expect(decode("ffffffff")).toBeUndefined();
});

test("a string as long as a whole block is read", () => {
  // 65,535 octets of zeros are 104,856 codes of five zeros, which are "0".
  const bytes = Buffer.alloc(65_535);
  expect(decodeHuffman(bytes, 0, bytes.length)).toBe("0".repeat(104_856));
});
