import { describe, expect, test } from "bun:test";
import { HeaderDecoder } from "./header-decoder.ts";
import { encodeHeaders } from "./header-encoder.ts";
import type { Header } from "./header-table.ts";
import { ConnectionError, H2_ERROR } from "./protocol.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const decoder = (maxListBytes = 65_536) => new HeaderDecoder(maxListBytes);

function refusal(...blocks: readonly string[]): unknown {
  const own = decoder();
  try {
    for (const block of blocks) own.decode(hex(block));
  } catch (error) {
    return error instanceof ConnectionError ? error.code : error;
  }
  return undefined;
}

describe("the examples of RFC 7541, Appendix C", () => {
  const first: readonly Header[] = [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
  ];
  const third: readonly Header[] = [
    [":method", "GET"],
    [":scheme", "https"],
    [":path", "/index.html"],
    [":authority", "www.example.com"],
    ["custom-key", "custom-value"],
  ];
  for (const [section, blocks] of [
    [
      "C.3, as they are",
      [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
      ],
    ],
    [
      "C.4, with Huffman codes",
      [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
      ],
    ],
  ] as const)
    test(section, () => {
      const own = decoder();
      const lists = blocks.map((block) => own.decode(hex(block)).headers);
      expect(lists).toEqual([first, [...first, ["cache-control", "no-cache"]], third]);
    });
});

describe("the dynamic table", () => {
  test("forgets its oldest entries when it is made smaller, and keeps the others", () => {
    const own = decoder();
    // Two entries of 32 + 2 octets: a=1, b=2.
    own.decode(hex("4001610131 4001620132"));
    expect(own.decode(hex("3f15 be")).headers).toEqual([["b", "2"]]);
    expect(() => own.decode(hex("bf"))).toThrow("no header has index 63");
  });

  test("is emptied by an entry that does not fit", () => {
    const own = decoder();
    own.decode(hex("4001610131"));
    own.decode(Buffer.concat([hex("400162"), hex("7fe11e"), Buffer.alloc(4064, "x")]));
    expect(() => own.decode(hex("be"))).toThrow("no header has index 62");
  });

  test("changes its size at the beginning of a block alone, up to what the sender may use", () => {
    expect(refusal("3fe11f 82")).toBeUndefined();
    expect(refusal("3fe21f 82")).toBe(H2_ERROR.compressionError);
    expect(refusal("82 20")).toBe(H2_ERROR.compressionError);
  });
});

test.each([
  ["index 0", "80"],
  ["an index beyond both tables", "be"],
  ["a string beyond its block", "0001610561"],
  ["a block that ends in a number", "7f"],
  ["a number of too many octets", "7f8080808080"],
])("%s is a compression error", (_what, block) => {
  expect(refusal(block)).toBe(H2_ERROR.compressionError);
});

test("a list that is too large is read to its end, because later blocks build on it, and given cut short", () => {
  const own = decoder(100);
  // One entry of 32 + 33 octets, and eight times its index: 65 octets each.
  const { headers, isTooLarge } = own.decode(
    Buffer.concat([hex("400161 20"), Buffer.alloc(32, "x"), Buffer.alloc(8, 0xbe)]),
  );
  expect([headers.length, isTooLarge]).toEqual([1, true]);
  expect(own.decode(hex("be"))).toEqual({ headers: [["a", "x".repeat(32)]], isTooLarge: false });
});

test("what the encoder writes is read back, whatever was read before", () => {
  const lists: readonly (readonly Header[])[] = [
    [
      [":status", "200"],
      ["content-type", "application/grpc+proto"],
    ],
    [
      ["grpc-status", "0"],
      ["x-long", "y".repeat(300)],
      ["x-octets", "\u0080\u00ff"],
      ["empty", ""],
    ],
  ];
  const own = decoder();
  for (const list of lists) expect(own.decode(encodeHeaders(list)).headers).toEqual(list);
});
